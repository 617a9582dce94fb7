//! Three-valued logic, and the text of an expression: random trees, printed with and without parentheses, against a
//! model of one row.

use super::frames::{evaluated, frame, longs};
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use proptest::prelude::*;
use std::sync::Arc;
use windvane_core::schema::DataType;

#[derive(Debug, Clone)]
enum Tree {
    Column(usize),
    Constant(Option<bool>),
    Not(Box<Tree>),
    Null(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Equal(Box<Tree>, Box<Tree>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![4 => (0_usize..3).prop_map(Tree::Column), 1 => prop::option::of(any::<bool>()).prop_map(Tree::Constant)];
    leaf.prop_recursive(5, 24, 2, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            inner.clone().prop_map(|tree| Tree::Null(Box::new(tree))),
            two().prop_map(|(left, right)| Tree::And(left, right)),
            two().prop_map(|(left, right)| Tree::Or(left, right)),
            two().prop_map(|(left, right)| Tree::Equal(left, right)),
        ]
    })
}

impl Tree {
    fn value(&self, row: &[Option<bool>; 3]) -> Option<bool> {
        match self {
            Self::Column(at) => row[*at],
            Self::Constant(value) => *value,
            Self::Not(inner) => inner.value(row).map(|value| !value),
            Self::Null(inner) => Some(inner.value(row).is_none()),
            Self::And(left, right) => match (left.value(row), right.value(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.value(row), right.value(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Equal(left, right) => Some(left.value(row)? == right.value(row)?),
        }
    }

    /// How tightly it binds.
    fn rank(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            Self::Not(_) => 2,
            Self::Null(_) => 3,
            Self::Equal(..) => 4,
            Self::Column(_) | Self::Constant(_) => 5,
        }
    }

    /// With parentheses everywhere, or only where the grammar needs them.
    fn text(&self, all: bool) -> String {
        let within = |inner: &Self, least: u8| {
            let text = inner.text(all);
            if all || inner.rank() < least { format!("({text})") } else { text }
        };
        match self {
            Self::Column(at) => ["a", "b", "c"][*at].to_owned(),
            Self::Constant(value) => value.map_or("NULL".to_owned(), |value| value.to_string().to_uppercase()),
            Self::Not(inner) => format!("NOT {}", within(inner, 2)),
            Self::Null(inner) => format!("{} IS NULL", within(inner, 4)),
            Self::And(left, right) => format!("{} AND {}", within(left, 1), within(right, 2)),
            Self::Or(left, right) => format!("{} OR {}", within(left, 0), within(right, 1)),
            Self::Equal(left, right) => format!("{} = {}", within(left, 5), within(right, 5)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn logic_is_three_valued_however_it_is_written(tree in tree()) {
        let values = [Some(true), Some(false), None];
        let rows: Vec<[Option<bool>; 3]> = (0..27).map(|row| [values[row % 3], values[row / 3 % 3], values[row / 9]]).collect();
        let column = |at: usize| (DataType::Boolean, Arc::new(rows.iter().map(|row| row[at]).collect::<BooleanArray>()) as ArrayRef);
        let frame = frame(vec![column(0), column(1), column(2)]);
        let expected: Vec<Option<bool>> = rows.iter().map(|row| tree.value(row)).collect();
        for text in [tree.text(true), tree.text(false)] {
            let Some((data_type, result)) = evaluated(&text, &frame) else {
                // A bare NULL has no type.
                prop_assert!(text.contains("NULL"), "{}", text);
                continue;
            };
            prop_assert!(result.failures.is_empty());
            if data_type == DataType::Boolean {
                prop_assert_eq!(result.values.as_boolean().iter().collect::<Vec<_>>(), expected.clone(), "{}", text);
            }
        }
    }

    /// What is not reached cannot reject a row.
    #[test]
    fn a_guarded_division_never_rejects(rows in prop::collection::vec((any::<Option<i64>>(), prop::option::of(-1_i64..2)), 1..20)) {
        let (a, b): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let frame = frame(vec![longs(&a), longs(&b)]);
        for text in ["b <> 0 AND a % b = 0", "b = 0 OR a % b = 0", "CASE WHEN b = 0 THEN 0 ELSE a % b END", "coalesce(NULLIF(0, 0), CASE WHEN b <> 0 THEN a % b END)"] {
            let (_, result) = evaluated(text, &frame).unwrap();
            prop_assert!(result.failures.is_empty(), "{}: {:?}", text, result.failures);
        }
        let (_, result) = evaluated("a % b", &frame).unwrap();
        let zeros = a.iter().zip(&b).filter(|(a, b)| a.is_some() && **b == Some(0)).count();
        prop_assert_eq!(result.failures.len(), zeros);
    }
}
