//! A text as words, quoted names, numbers and punctuation. Nothing is guessed: what is no known word stays a word.

/// One piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Lower case; `possessive` when it ended with `'s` or `s'`.
    Word {
        text: String,
        raw: String,
        possessive: bool,
    },
    /// Between quotes or backticks: a name or a value as it is written.
    Quoted(String),
    Number(String),
    Operator(&'static str),
    Comma,
    /// A full stop, semicolon, colon, bracket or line end.
    Stop,
    /// A mark that no wish is written with.
    Other(char),
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word { text, .. } => Some(text),
            Self::Quoted(_) | Self::Number(_) | Self::Operator(_) | Self::Comma | Self::Stop | Self::Other(_) => None,
        }
    }

    /// As the user wrote it.
    pub(super) fn raw(&self) -> String {
        match self {
            Self::Word { raw, .. } => raw.clone(),
            Self::Quoted(text) => format!("'{text}'"),
            Self::Number(text) => text.clone(),
            Self::Operator(text) => (*text).to_owned(),
            Self::Comma => ",".to_owned(),
            Self::Stop => ".".to_owned(),
            Self::Other(mark) => mark.to_string(),
        }
    }
}

/// What a contraction stands for.
const CONTRACTIONS: [(&str, &[&str]); 18] = [
    ("don't", &["do", "not"]),
    ("dont", &["do", "not"]),
    ("doesn't", &["does", "not"]),
    ("didn't", &["did", "not"]),
    ("isn't", &["is", "not"]),
    ("aren't", &["are", "not"]),
    ("wasn't", &["was", "not"]),
    ("weren't", &["were", "not"]),
    ("can't", &["can", "not"]),
    ("cannot", &["can", "not"]),
    ("won't", &["will", "not"]),
    ("mustn't", &["must", "not"]),
    ("shouldn't", &["should", "not"]),
    ("haven't", &["have", "not"]),
    ("hasn't", &["has", "not"]),
    ("needn't", &["need", "not"]),
    ("i'd", &["i", "would"]),
    ("that's", &["that", "is"]),
];

/// Words that change nothing of what is wished.
const POLITE: [&str; 5] = ["please", "kindly", "thanks", "pls", "thank"];

pub(super) fn read(text: &str) -> Vec<Token> {
    let text = text.replace(['\u{2019}', '\u{2018}', '\u{2032}'], "'").replace(['\u{201c}', '\u{201d}'], "\"");
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = characters.get(at).copied() {
        let before = at.checked_sub(1).and_then(|before| characters.get(before)).copied();
        let opens = before.is_none_or(|before| before.is_whitespace() || "([,;:=<>".contains(before));
        if matches!(character, '"' | '`') || character == '\'' && opens {
            let rest = characters.get(at + 1..).unwrap_or_default();
            let closes = |index: &usize| {
                rest.get(*index) == Some(&character)
                    && rest.get(index + 1).is_none_or(|after| !after.is_alphanumeric() && *after != character)
            };
            if let Some(end) = (0..rest.len()).find(closes) {
                tokens.push(Token::Quoted(rest.iter().take(end).collect()));
                at += end + 2;
                continue;
            }
        }
        let next = characters.get(at + 1).copied();
        match character {
            '\n' => tokens.push(Token::Stop),
            _ if character.is_whitespace() => {}
            '0'..='9' => {
                at = number(&characters, at, &mut tokens);
                continue;
            }
            '-' if opens && next.is_some_and(|next| next.is_ascii_digit()) => {
                at = number(&characters, at, &mut tokens);
                continue;
            }
            _ if character.is_alphanumeric() || character == '_' => {
                at = word(&characters, at, &mut tokens);
                continue;
            }
            ',' => tokens.push(Token::Comma),
            '.' | ';' | ':' | '(' | ')' | '\u{2013}' | '\u{2014}' => tokens.push(Token::Stop),
            // A full stop that shouts; before an equals sign it says "not".
            '!' if next != Some('=') => tokens.push(Token::Stop),
            // Between words a hyphen joins them, alone it is a dash.
            '-' if opens => tokens.push(Token::Stop),
            '-' => {}
            '&' => tokens.push(Token::Word { text: "and".to_owned(), raw: "&".to_owned(), possessive: false }),
            '=' | '!' | '<' | '>' => {
                let (operator, length) = match (character, next) {
                    ('=', Some('=')) => ("=", 2),
                    ('=', _) => ("=", 1),
                    ('!', _) | ('<', Some('>')) => ("<>", 2),
                    ('<', Some('=')) => ("<=", 2),
                    ('>', Some('=')) => (">=", 2),
                    ('<', _) => ("<", 1),
                    _ => (">", 1),
                };
                tokens.push(Token::Operator(operator));
                at += length;
                continue;
            }
            other => tokens.push(Token::Other(other)),
        }
        at += 1;
    }
    tokens.retain(|token| token.word().is_none_or(|word| !POLITE.contains(&word)));
    tokens
}

/// A number, or a word that begins with digits.
fn number(characters: &[char], at: usize, tokens: &mut Vec<Token>) -> usize {
    let numeric = |index: usize| {
        let digit = |index: usize| characters.get(index).is_some_and(char::is_ascii_digit);
        digit(index) || characters.get(index) == Some(&'.') && digit(index + 1)
    };
    let end = (at + 1..).find(|index| !numeric(*index)).unwrap_or(at + 1);
    if characters.get(end).is_some_and(|after| after.is_alphanumeric() || *after == '_') {
        return word(characters, at, tokens);
    }
    tokens.push(Token::Number(characters.get(at..end).unwrap_or_default().iter().collect()));
    end
}

fn word(characters: &[char], at: usize, tokens: &mut Vec<Token>) -> usize {
    let inside = |index: usize| {
        let letter = |index: usize| characters.get(index).is_some_and(|letter| letter.is_alphanumeric());
        letter(index)
            || characters.get(index) == Some(&'_')
            || characters.get(index) == Some(&'\'') && letter(index + 1) && index > at
    };
    let end = (at + 1..).find(|index| !inside(*index)).unwrap_or(at + 1);
    let raw: String = characters.get(at..end).unwrap_or_default().iter().collect();
    let lower = raw.to_lowercase();
    if let Some((_, words)) = CONTRACTIONS.iter().find(|(short, _)| *short == lower) {
        let split = words.iter().map(|word| Token::Word {
            text: (*word).to_owned(),
            raw: (*word).to_owned(),
            possessive: false,
        });
        tokens.extend(split);
        return end;
    }
    // `e-mail` is one word; `orders'` belongs to the orders.
    if lower == "e" && characters.get(end) == Some(&'-') {
        let start = end + 1;
        let after =
            (start..).find(|index| !characters.get(*index).is_some_and(|c| c.is_alphanumeric())).unwrap_or(start);
        let rest: String = characters.get(start..after).unwrap_or_default().iter().collect::<String>().to_lowercase();
        if rest == "mail" || rest == "mails" {
            tokens.push(Token::Word { text: format!("e{rest}"), raw: format!("e-{rest}"), possessive: false });
            return after;
        }
    }
    let plural = lower.ends_with('s') && characters.get(end) == Some(&'\'');
    let (text, possessive) = match lower.strip_suffix("'s") {
        Some(owner) => (owner.to_owned(), true),
        None => (lower, plural),
    };
    tokens.push(Token::Word { text, raw, possessive });
    if plural { end + 1 } else { end }
}
