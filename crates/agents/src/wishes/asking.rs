//! Whether words that were not understood may ask for something to be left out or changed, or only describe.
//!
//! What may ask stops a run that nobody has reviewed; a description only warns. So it leans towards asking: a word that
//! takes away, chooses or transforms, a number, a column or a value of the data, rows of a kind ("shipped orders").

mod words;

use super::lexicon;
use super::tokens::Token;
use super::vocabulary::Vocabulary;
use crate::name_similarity::singular;
use words::{ASKING, BELONGING, CHOOSING, COMMANDS, DETERMINERS, MONTHS, NEUTRAL, PERIODS, REGIONS, ROWS, TIMES};

/// Whether the text may ask for something.
pub(super) fn asks(tokens: &[Token], vocabulary: &Vocabulary) -> bool {
    let text = Text { tokens, vocabulary };
    text.is_foreign() || (0..tokens.len()).any(|at| text.asks_at(at))
}

struct Text<'a> {
    tokens: &'a [Token],
    vocabulary: &'a Vocabulary,
}

impl Text<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).and_then(Token::word).unwrap_or_default()
    }

    /// No word of it is one that is known, in English or of the data: anything may be meant.
    fn is_foreign(&self) -> bool {
        let written = |at: &usize| !self.word(*at).is_empty();
        let known = |at: usize| {
            let word = self.word(at);
            let english = |words: &[&str]| words.contains(&word);
            // "In", "an", "am": German, too.
            let shared = ["in", "an", "am", "a", "was", "so", "also", "will", "die", "man"].contains(&word);
            !shared
                && (self.neutral(word)
                    || english(CHOOSING)
                    || english(DETERMINERS)
                    || english(PERIODS)
                    || english(TIMES))
                || self.named(at)
        };
        let mut words = (0..self.tokens.len()).filter(written).peekable();
        words.peek().is_some() && !words.any(known)
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map(|before| self.word(before)).unwrap_or_default()
    }

    fn asks_at(&self, at: usize) -> bool {
        if let Some(length) = self.dataset(at) {
            return self.chosen(at, length);
        }
        if self.in_dataset(at) {
            return false;
        }
        match self.tokens.get(at) {
            Some(Token::Word { text, .. }) => self.word_asks(at, text),
            Some(Token::Number(_)) => !self.rhythm(at + 1),
            // Quotes and operators are for those who mean something exactly.
            Some(Token::Quoted(_) | Token::Operator(_)) => true,
            Some(Token::Comma | Token::Stop | Token::Other(_)) | None => false,
        }
    }

    fn word_asks(&self, at: usize, text: &str) -> bool {
        // "Every day", "per hour": how often.
        if self.rhythm(at) || text == "per" && self.rhythm(at + 1) {
            return false;
        }
        let begins = matches!(at.checked_sub(1).and_then(|before| self.tokens.get(before)), None | Some(Token::Stop));
        let period = PERIODS.contains(&singular(self.word(at + 1)).as_str());
        let in_time = TIMES.contains(&self.before(at)) && MONTHS.contains(&text)
            || ["this", "next", "current"].contains(&text) && period;
        is_asking(text)
            || begins && COMMANDS.contains(&text)
            || in_time
            // In a script that is not read at all, anything may be meant.
            || text.chars().any(|letter| letter.is_alphabetic() && letter > '\u{24f}')
            || self.vocabulary.mentions(self.tokens, at) && !self.adjoins(at)
    }

    /// A period that says how often: behind "every" or "a", with a number between or not.
    fn rhythm(&self, at: usize) -> bool {
        let often = |word: &str| ["every", "each", "per", "a"].contains(&word);
        let numbered = matches!(at.checked_sub(1).and_then(|before| self.tokens.get(before)), Some(Token::Number(_)));
        let leads = if numbered { at.checked_sub(2).map(|before| self.word(before)) } else { Some(self.before(at)) };
        PERIODS.contains(&singular(self.word(at)).as_str()) && leads.is_some_and(often)
    }

    /// How many words name a dataset here.
    fn dataset(&self, at: usize) -> Option<usize> {
        let named = self.vocabulary.dataset(self.tokens, at).map(|(_, length)| length);
        named.or_else(|| ROWS.contains(&singular(self.word(at)).as_str()).then_some(1))
    }

    /// Whether the words before have named a dataset with this one.
    fn in_dataset(&self, at: usize) -> bool {
        (1..4)
            .any(|back| at.checked_sub(back).and_then(|start| self.dataset(start)).is_some_and(|length| length > back))
    }

    /// "Customer orders": a name before a dataset's name belongs to it.
    fn adjoins(&self, at: usize) -> bool {
        self.dataset(at + 1).is_some() && self.neutral(self.word(at))
    }

    fn neutral(&self, word: &str) -> bool {
        NEUTRAL.contains(&word) || lexicon::ARTICLES.contains(&word) || self.vocabulary.names.contains(word)
    }

    /// Whether the words around a dataset's name may choose among its rows.
    fn chosen(&self, at: usize, length: usize) -> bool {
        let before = self.before(at);
        if !before.is_empty() && !self.neutral(before) && at.checked_sub(1).is_none_or(|at| !self.named(at)) {
            return true;
        }
        let after = self.word(at + length);
        if !CHOOSING.contains(&after) {
            return after.len() > 3 && after.ends_with("ed");
        }
        let next = at + length + 1;
        let thing = DETERMINERS.contains(&self.word(next)) && !REGIONS.contains(&self.word(next + 1));
        let named = self.neutral(self.word(next)) || self.named(next);
        !(BELONGING.contains(&after) && (thing || named))
    }

    /// Whether this is (the end of) another dataset's name: "orders of customers".
    fn named(&self, at: usize) -> bool {
        self.dataset(at).is_some() || self.in_dataset(at)
    }
}

/// Also of a word that is a letter away from one: a typing mistake must not silence a wish.
fn is_asking(word: &str) -> bool {
    let near = |known: &&str| known.len() > 5 && word.len() > 5 && strsim::damerau_levenshtein(known, word) == 1;
    ASKING.contains(&word) || ASKING.iter().any(near)
}
