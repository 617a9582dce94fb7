//! A checked expression: every node knows its type, and operands have the types their parent needs.

use super::function::Function;
use crate::errors::too_large;
use arrow::array::ArrayRef;
use std::collections::BTreeSet;
use windvane_core::error::Result;
use windvane_core::schema::DataType;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) data_type: DataType,
    pub(super) nullable: bool,
    /// Itself and all nodes below it.
    pub(super) size: usize,
}

/// An operand that is computed more than once is copied, and in a copied one again: more nodes than this are too many.
const MOST_COPIED: usize = 10_000;

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// One value. `loose`: NULL or a text literal, which becomes what its neighbour is.
    Literal {
        value: ArrayRef,
        loose: bool,
    },
    /// By position.
    Column(usize),
    /// To the node's type. `null_on_failure`: TRY_CAST.
    Convert {
        from: Box<Node>,
        null_on_failure: bool,
    },
    /// Operands are both int64, both float64, or integers and decimals; or a date and int64; or two dates.
    Arithmetic(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    /// Operands have one type, or are decimals of any scale.
    Compare(Comparison, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>),
    /// IS TRUE, IS FALSE: never null.
    IsBoolean(Box<Node>, bool),
    In(Box<Node>, Vec<Node>),
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Coalesce(Vec<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Node {
    pub(super) fn new(kind: Kind, data_type: DataType, nullable: bool) -> Self {
        let size = 1 + kind.children().iter().map(|child| child.size).sum::<usize>();
        Self { kind, data_type, nullable, size }
    }

    /// As small as a node can be that is treated alike where types are found.
    pub(super) fn stand_in(&self) -> Self {
        if self.literal().is_some() { self.clone() } else { Self::new(Kind::Column(0), self.data_type, self.nullable) }
    }

    /// Refuses to be there so many times.
    pub(super) fn repeats(&self, times: usize) -> Result<()> {
        if self.size.saturating_mul(times) > MOST_COPIED {
            return Err(too_large("the expression repeats a large part of itself".to_owned()));
        }
        Ok(())
    }

    pub(super) fn boxed(self) -> Box<Self> {
        Box::new(self)
    }

    pub(super) fn is_loose(&self) -> bool {
        matches!(self.kind, Kind::Literal { loose: true, .. })
    }

    /// The literal's one value, when it is a literal.
    pub(super) fn literal(&self) -> Option<&ArrayRef> {
        match &self.kind {
            Kind::Literal { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The columns that it reads, by position.
    pub(super) fn columns(&self, into: &mut BTreeSet<usize>) {
        // A list and not recursion: an expression may be deep.
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            if let Kind::Column(index) = node.kind {
                into.insert(index);
            }
            open.extend(node.kind.children());
        }
    }
}

impl Kind {
    fn children(&self) -> Vec<&Node> {
        match self {
            Self::Literal { .. } | Self::Column(_) => Vec::new(),
            Self::Convert { from: inner, .. }
            | Self::Negate(inner)
            | Self::Not(inner)
            | Self::IsNull(inner)
            | Self::IsBoolean(inner, _) => vec![inner],
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => vec![left, right],
            Self::In(inner, items) => std::iter::once(inner.as_ref()).chain(items).collect(),
            Self::Case { branches, otherwise } => {
                let branches = branches.iter().flat_map(|(condition, value)| [condition, value]);
                branches.chain(otherwise.as_deref()).collect()
            }
            Self::Coalesce(items) | Self::Call(_, items) => items.iter().collect(),
        }
    }
}
