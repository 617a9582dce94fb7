//! One input in several pieces: split once, read by as many tasks, put together again as one staged dataset.
//!
//! Each piece is read in a snapshot of its own. Their ends are open, so that no row falls between two of them; a source
//! that changes while its pieces are read gives each row as that piece saw it, as any two readers would.

use super::planned::{named, source_breaker};
use super::run_context::RunContext;
use crate::extract::{Inputs, Rest, Slice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windvane_connectors::{Connection, Part, ReadRequest};
use windvane_core::boxed;
use windvane_core::error::{Error, Result};
use windvane_plan::Plan;

/// A piece of the input that an output starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// From 0.
    pub index: u32,
    pub of: u32,
    /// Nothing: the whole, because it cannot be split.
    pub part: Option<Part>,
}

impl Piece {
    /// What comes behind the dataset's name in the names of its files.
    pub(super) fn ending(&self) -> String {
        if self.of == 1 { String::new() } else { format!(".{}", self.index) }
    }
}

/// The pieces of an output's input, as many as the plan says or fewer; at least one.
#[boxed]
pub async fn split(run_context: &RunContext, plan: &Plan, output: &str, slice: &Slice) -> Result<Vec<Piece>> {
    let planned = named(plan.output(output), "output", output, plan)?;
    let input = named(plan.input(&planned.from), "input", &planned.from, plan)?;
    let source = named(plan.sources.get(&input.source), "source", &input.source, plan)?;
    let wanted = usize::try_from(planned.partitions).unwrap_or(1);
    let request = ReadRequest::whole(input.locator.clone(), input.kind, input.format.clone(), input.schema.clone());
    let request = ReadRequest { within: slice.within.clone(), ..request };
    let splitting = async {
        if wanted < 2 {
            return Ok(Vec::new());
        }
        Connection::open_source(source, &run_context.context)?.split(&request, wanted).await
    };
    let parts =
        run_context.guarded(source_breaker(source), splitting).await.map_err(|error| error.in_stage("split"))?;
    if parts.len() < 2 {
        return Ok(vec![Piece { index: 0, of: 1, part: None }]);
    }
    let of = u32::try_from(parts.len()).map_err(|_| Error::internal("more parts than can be counted"))?;
    Ok((0..).zip(parts).map(|(index, part)| Piece { index, of, part: Some(part) }).collect())
}

/// The staged pieces as one dataset, whatever the order in which they come.
pub fn gather(plan: &Plan, output: &str, mut pieces: Vec<(Piece, Inputs)>) -> Result<Inputs> {
    let planned = named(plan.output(output), "output", output, plan)?;
    pieces.sort_by_key(|(piece, _)| piece.index);
    let complete = pieces.first().is_some_and(|(first, _)| pieces.len() == first.of as usize)
        && pieces.iter().zip(0..).all(|((piece, _), index)| piece.index == index);
    if !complete {
        return Err(Error::internal(format!("{} pieces of '{output}' were handed on, not all", pieces.len())));
    }
    let mut pieces = pieces.into_iter().map(|(_, inputs)| inputs);
    let mut whole = pieces.next().unwrap_or_default();
    for mut piece in pieces {
        let (Some(all), Some(next)) = (whole.get_mut(&planned.from), piece.remove(&planned.from)) else {
            return Err(Error::internal(format!("a piece lacks the input '{}'", planned.from)));
        };
        if all.schema != next.schema {
            return Err(Error::new(
                windvane_core::error::Kind::Conflict,
                "the source's columns changed while its pieces were read",
            )
            .in_table(&planned.from)
            .hint("Start a new run"));
        }
        all.rest.push(Rest { uri: next.uri, offset: all.rows_in, origin: next.origin });
        all.rows += next.rows;
        all.bytes += next.bytes;
        all.rows_in += next.rows_in;
        all.quarantined += next.quarantined;
        all.quarantine.extend(next.quarantine);
    }
    Ok(whole)
}
