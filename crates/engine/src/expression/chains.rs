//! How deep a tree its operators make of a text, judged before a parser builds it: a chain such as `a OR b OR c` makes a
//! tree as deep as it is long, which the parser's own limit of depth does not see, and which no stack would hold.

use crate::errors::too_large;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use windvane_core::error::Result;

const MOST: usize = 600;
/// Brackets that nest deeper are no expression of a person.
const DEEPEST: usize = 200;
/// The parser goes down with each join, and far.
const JOIN: usize = 10;

/// Refuses what would make a tree too deep. To be asked before it is parsed.
pub fn few_operators(tokens: &[TokenWithSpan]) -> Result<()> {
    let brackets = nested(tokens);
    if brackets > DEEPEST {
        return Err(too_large(format!("an expression is nested too deeply: {brackets} brackets")));
    }
    let operators = chained(tokens);
    if operators > MOST {
        return Err(too_large(format!("an expression that chains {operators} operators is too large")));
    }
    Ok(())
}

/// What stands between two brackets, or the whole; commas part it into operands of their own.
#[derive(Default)]
struct Level {
    operators: usize,
    /// The longest chain inside brackets of the part that is read.
    inner: usize,
    /// The longest of the parts before.
    longest: usize,
    /// What chains queries, whose lists have commas of their own.
    queries: usize,
}

impl Level {
    fn part(&mut self) {
        self.longest = self.longest.max(self.operators + self.inner);
        (self.operators, self.inner) = (0, 0);
    }

    /// The longest chain of all of it.
    fn whole(mut self) -> usize {
        self.part();
        self.longest + self.queries
    }
}

/// How deep brackets nest: the parser's own limit does not see those of every clause.
fn nested(tokens: &[TokenWithSpan]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The operators of the longest chain. Brackets and commas alone part a text: a word of the grammar may be a column's name
/// as well, at worst counted for a chain. Any sign is an operator, any of the parser's words for one, and any other word behind an operand, so that what
/// the parser learns tomorrow is one too.
fn chained(tokens: &[TokenWithSpan]) -> usize {
    let (mut outer, mut level) = (Vec::new(), Level::default());
    let (mut behind_operand, mut behind_sign, mut is_part) = (false, true, false);
    let mut last = &Token::EOF;
    for token in tokens.iter().map(|token| &token.token) {
        let (was_sign, was_period) = (behind_sign, std::mem::take(&mut is_part));
        behind_sign = false;
        match token {
            Token::Whitespace(_) | Token::EOF => {
                (behind_sign, is_part) = (was_sign, was_period);
                continue;
            }
            Token::LParen | Token::LBracket | Token::LBrace => {
                // A function's name takes its arguments; what is in brackets behind anything else is one more operation.
                let is_call = matches!((token, last), (Token::LParen, Token::Word(_)));
                level.operators += usize::from(behind_operand && !is_call);
                outer.push(std::mem::take(&mut level));
                (behind_operand, behind_sign) = (false, true);
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                level = closed(level, &mut outer);
                behind_operand = true;
            }
            Token::Comma => {
                level.part();
                (behind_operand, behind_sign) = (false, true);
            }
            Token::Period => (behind_operand, is_part) = (false, true),
            Token::Number(..) | Token::SingleQuotedString(_) => behind_operand = true,
            // In front of an operand, where the parser's own limit sees it.
            Token::Plus | Token::Minus if was_sign => behind_sign = true,
            Token::Word(_) if was_period => behind_operand = true,
            Token::Word(word) => match word.keyword {
                Keyword::CASE | Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::AS => behind_operand = false,
                Keyword::END => behind_operand = true,
                Keyword::JOIN => {
                    level.operators += JOIN;
                    behind_operand = false;
                }
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS => {
                    level.queries += 1;
                    behind_operand = false;
                }
                keyword if is_operator(keyword) => {
                    level.operators += 1;
                    behind_operand = false;
                }
                _ => {
                    level.operators += usize::from(behind_operand);
                    behind_operand = !behind_operand;
                }
            },
            _ => {
                level.operators += 1;
                (behind_operand, behind_sign) = (false, true);
            }
        }
        last = token;
    }
    while !outer.is_empty() {
        level = closed(level, &mut outer);
    }
    level.whole()
}

/// The words that the parser knows between two operands or behind one.
fn is_operator(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::NOTNULL
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::GLOB
            | Keyword::MATCH
            | Keyword::SIMILAR
            | Keyword::MEMBER
            | Keyword::OVERLAPS
            | Keyword::OPERATOR
            | Keyword::DIV
            | Keyword::AT
            | Keyword::COLLATE
    )
}

/// The level around this one, which knows how deep it was.
fn closed(level: Level, outer: &mut Vec<Level>) -> Level {
    // More closed than opened: the parser stops there.
    let mut around = outer.pop().unwrap_or_default();
    around.inner = around.inner.max(level.whole());
    around
}
