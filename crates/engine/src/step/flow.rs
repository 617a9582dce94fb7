//! Where steps get rows from and give them to.

use crate::frame::Frame;
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};

/// Frames of a dataset, in order.
pub type Frames<'a> = Box<dyn Iterator<Item = Result<Frame>> + 'a>;

/// The datasets that joins read.
pub trait Others {
    /// The frames of a dataset, with these columns at least.
    fn frames(&self, name: &str, columns: &[String]) -> Result<Frames<'_>>;
}

impl Others for BTreeMap<String, Frame> {
    fn frames(&self, name: &str, _: &[String]) -> Result<Frames<'_>> {
        let frame = self.get(name).ok_or_else(|| not_given(name))?;
        Ok(Box::new(std::iter::once(Ok(frame.clone()))))
    }
}

impl Others for BTreeMap<String, Vec<Frame>> {
    fn frames(&self, name: &str, _: &[String]) -> Result<Frames<'_>> {
        let frames = self.get(name).ok_or_else(|| not_given(name))?;
        Ok(Box::new(frames.iter().cloned().map(Ok)))
    }
}

fn not_given(name: &str) -> Error {
    Error::missing(format!("the dataset '{name}' was not given")).hint("Extract it first")
}

/// Takes what leaves the pipe.
pub type Give<'a> = dyn FnMut(Frame) -> Result<()> + 'a;
