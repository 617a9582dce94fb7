//! What the user's words ask for, by a small grammar with negation: clauses, each wholly read or not read at all.
//!
//! Fails closed: a clause with one word too many is not understood, a text with one such clause takes nothing away, and
//! two clauses that contradict each other cancel each other. There is no spelling help: a typing mistake must not decide.
//!
//! `tokens` cuts, `lexicon` has the words, `vocabulary` the names of the data, `grammar` reads clauses (`objects` what they
//! speak of), `condition` is what a filter says, `change` makes steps and checks of what is left, `asking` tells whether words
//! that were not understood may ask for something.

mod asking;
mod change;
mod condition;
mod grammar;
mod lexicon;
mod objects;
mod tokens;
mod vocabulary;
mod wish;

pub(super) use change::{Derived, derive, same, satisfied};
pub(super) use vocabulary::{Column, Table, Vocabulary};
pub(super) use wish::Reading;

use wish::{Unread, Wish};

/// Reads all that the user said.
pub(super) fn read(texts: &[&str], vocabulary: &Vocabulary) -> Reading {
    let mut all = Reading::default();
    let mut stories = Vec::new();
    for text in texts {
        let tokens = tokens::read(text);
        if let Some(word) = vocabulary.homonym(&tokens) {
            let why =
                format!("'{word}' is a column too: write the column in quotes, and the wish as a step of the spec");
            all.unread.push(Unread { words: text.trim().to_owned(), why: Some(why) });
            all.asks = true;
            continue;
        }
        let read = grammar::clauses(&tokens, vocabulary);
        let acts = read.clauses.iter().any(|(_, wish)| !matches!(wish, Wish::Nothing | Wish::Keep(_)));
        let asks = acts || asking::asks(&tokens, vocabulary);
        if !read.unread.is_empty() && !asks {
            // A description, such as most intents are: it says nothing against the other text.
            stories.extend(read.unread);
            continue;
        }
        all.asks |= asks && !read.unread.is_empty();
        all.clauses.extend(read.clauses);
        all.unread.extend(read.unread);
    }
    if all.clauses.is_empty() && all.unread.is_empty() {
        all.unread = stories;
    }
    all
}
