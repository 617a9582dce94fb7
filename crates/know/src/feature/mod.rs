//! What a column is to somebody who counts, draws or learns: its feature type, with a confidence.
//!
//! The classes are those of Shah et al., "Towards Benchmarking Feature Type Inference for AutoML Platforms" (SIGMOD
//! 2021). The judge is a forest of boosted trees over figures that are counted here, and nowhere else:
//! `scripts/train_feature_types.py` asks [`vector`] for them, so training and use cannot differ.
//!
//! Deliberately absent: types of storage (`schema`), meanings such as `email` (`profile::semantic`).
//!
//! Doors: [`judge`] (evidence in, class and confidence out) and [`vector`] (for training).
//!
//! Invariants: the same evidence gives the same answer on every machine; values are data and are never kept; the model
//! file holds numbers only.

mod evidence;
mod forms;
mod judge;
mod name;
mod samples;
mod trees;
mod vector;

pub use evidence::{Evidence, SAMPLES};
pub use judge::{Class, Judgment, judge, model, model_bytes};
pub use vector::vector;
