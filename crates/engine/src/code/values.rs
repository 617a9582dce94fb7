//! Steps that give columns new values, as polars expressions by column.

use crate::expression::Expression;
use crate::expression::polars::{cast, column, dtype, quoted};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::step::{Parse, Step};
use windvane_core::spec::verb::{Flatten, Mask, MaskHow};

/// Column and value.
type Values = Vec<(String, String)>;

pub(super) fn of(step: &Step, before: &Schema) -> Result<Values> {
    let of = |name: &str| before.field(name).map_or(DataType::Text, |field| field.data_type);
    match step {
        Step::Cast(types) => {
            let values = types.iter().map(|(name, to)| (name.clone(), cast(&column(name), of(name), *to, true)));
            Ok(values.collect())
        }
        Step::Parse(parse) => Ok(parsed(parse)),
        Step::Derive(values) => {
            let value = |text: &String| Expression::parse(text, before)?.polars(before);
            values.iter().map(|(name, text)| Ok((name.clone(), value(text)?))).collect()
        }
        Step::Set(set) => {
            let condition = Expression::condition(&set.condition, before)?.polars(before)?;
            let value = |(name, text): (&String, &String)| {
                let value = Expression::parse_as(text, before, of(name))?.polars(before)?;
                Ok((name.clone(), format!("pl.when({condition}).then({value}).otherwise({})", column(name))))
            };
            set.values.iter().map(value).collect()
        }
        Step::Mask(mask) => masked(mask, before),
        Step::Flatten(flatten) => Ok(flattened(flatten)),
        _ => Err(Error::internal("a step gives no values")),
    }
}

fn parsed(parse: &Parse) -> Values {
    let read = |name: &String| {
        if parse.formats.is_empty() {
            return (name.clone(), cast(&column(name), DataType::Text, parse.to, true));
        }
        let each = parse.formats.iter().map(|format| {
            let (name, format) = (column(name), quoted(format));
            match parse.to {
                DataType::Date => format!("{name}.str.to_date({format}, strict=False)"),
                DataType::Time => format!("{name}.str.to_time({format}, strict=False)"),
                _ => format!("{name}.str.to_datetime({format}, strict=False).cast({})", dtype(parse.to)),
            }
        });
        (name.clone(), format!("pl.coalesce({})", each.collect::<Vec<_>>().join(", ")))
    };
    parse.columns.iter().map(read).collect()
}

fn masked(mask: &Mask, before: &Schema) -> Result<Values> {
    let masked = |(name, how): (&String, &MaskHow)| {
        let from = before.field(name).map_or(DataType::Text, |field| field.data_type);
        let it = column(name);
        let text = if from == DataType::Text { it.clone() } else { cast(&it, from, DataType::Text, true) };
        let shown = |value: &str| format!("pl.when({it}.is_not_null()).then({value})");
        let redacted = "pl.lit(\"***\")";
        let value = match how {
            MaskHow::Clear => format!("pl.lit(None, dtype={})", dtype(from)),
            MaskHow::Redact => shown(redacted),
            MaskHow::Last4 => {
                let short = format!("pl.when({text}.str.len_chars() < 8).then(pl.lit(\"****\"))");
                shown(&format!("{short}.otherwise(\"****\" + {text}.str.tail(4))"))
            }
            MaskHow::Email => {
                let address = format!("pl.when({text}.str.contains(\"(?s)^.+@[^@]+$\"))");
                let short = format!("{text}.str.replace(\"(?s)^(.).*@\", \"$1***@\")");
                shown(&format!("{address}.then({short}).otherwise({redacted})"))
            }
            MaskHow::Hash => {
                return Err(Error::unsupported("a hash with a secret key is not written as polars code")
                    .hint("Read the step itself in `windvane explain`"));
            }
        };
        Ok((name.clone(), value))
    };
    mask.columns.iter().map(masked).collect()
}

fn flattened(flatten: &Flatten) -> Values {
    let found = |(name, path): (&String, &String)| {
        let mut place = "$".to_owned();
        for part in path.split('.') {
            let index = part.bytes().all(|byte| byte.is_ascii_digit());
            place = if index { format!("{place}[{part}]") } else { format!("{place}.{part}") };
        }
        let text = format!("{}.str.json_path_match({})", column(&flatten.column), quoted(&place));
        let to = flatten.types.get(name).copied().unwrap_or(DataType::Text);
        (name.clone(), if to == DataType::Text { text } else { cast(&text, DataType::Text, to, true) })
    };
    flatten.fields.iter().map(found).collect()
}
