//! A checked expression: every node knows its type, and operands have the types their parent needs.

use super::function::Function;
use arrow::array::ArrayRef;
use std::collections::BTreeSet;
use windvane_core::schema::DataType;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) data_type: DataType,
    pub(super) nullable: bool,
}

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
        Self { kind, data_type, nullable }
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
            match &node.kind {
                Kind::Literal { .. } => {}
                Kind::Column(index) => _ = into.insert(*index),
                Kind::Convert { from, .. } => open.push(from),
                Kind::Negate(inner) | Kind::Not(inner) | Kind::IsNull(inner) | Kind::IsBoolean(inner, _) => {
                    open.push(inner);
                }
                Kind::Arithmetic(_, left, right)
                | Kind::Compare(_, left, right)
                | Kind::And(left, right)
                | Kind::Or(left, right) => open.extend([left.as_ref(), right.as_ref()]),
                Kind::In(inner, items) => {
                    open.push(inner);
                    open.extend(items);
                }
                Kind::Case { branches, otherwise } => {
                    open.extend(branches.iter().flat_map(|(condition, value)| [condition, value]));
                    open.extend(otherwise.as_deref());
                }
                Kind::Coalesce(items) | Kind::Call(_, items) => open.extend(items),
            }
        }
    }
}
