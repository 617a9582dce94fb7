//! How deep a tree its operators make of a text, judged before a parser builds it: a chain such as `a OR b OR c` makes a
//! tree as deep as it is long, which the parser's own limit of depth does not see, and which no stack would hold.

use crate::errors::too_large;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use windvane_core::error::Result;

const MOST: usize = 600;
/// The parser goes down with each join, and far.
const JOIN: usize = 10;

/// Refuses what would make a tree too deep. To be asked before it is parsed.
pub fn few_operators(tokens: &[TokenWithSpan]) -> Result<()> {
    let operators = chained(tokens);
    if operators > MOST {
        return Err(too_large(format!("an expression that chains {operators} operators is too large")));
    }
    Ok(())
}

/// What stands between two brackets, or the whole; commas and the words of a CASE part it into operands of their own.
#[derive(Default)]
struct Level {
    operators: usize,
    /// The longest chain inside brackets of the part that is read.
    inner: usize,
    /// The longest of the parts before.
    longest: usize,
}

impl Level {
    fn part(&mut self) {
        self.longest = self.longest.max(self.operators + self.inner);
        (self.operators, self.inner) = (0, 0);
    }
}

/// The operators of the longest chain. Any sign is one, and any word behind an operand, so that what the parser learns
/// tomorrow is one too; a chain is at most twice as deep (of `a NOTNULL NOTNULL` one is counted).
fn chained(tokens: &[TokenWithSpan]) -> usize {
    let (mut outer, mut level) = (Vec::new(), Level::default());
    let mut behind_operand = false;
    let mut last = &Token::EOF;
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::Whitespace(_) | Token::EOF => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                // A function's name takes its arguments; what is in brackets behind anything else is one more operation.
                level.operators +=
                    usize::from(behind_operand && !matches!((token, last), (Token::LParen, Token::Word(_))));
                outer.push(std::mem::take(&mut level));
                behind_operand = false;
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                level = closed(level, &mut outer);
                behind_operand = true;
            }
            Token::Comma => {
                level.part();
                behind_operand = false;
            }
            Token::Period => behind_operand = false,
            Token::Number(..) | Token::SingleQuotedString(_) => behind_operand = true,
            // In front of an operand, where the parser's own limit sees it.
            Token::Plus | Token::Minus if !behind_operand => {}
            Token::Word(word) => match word.keyword {
                Keyword::CASE => {
                    outer.push(std::mem::take(&mut level));
                    behind_operand = false;
                }
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE => {
                    level.part();
                    behind_operand = false;
                }
                Keyword::END => {
                    level = closed(level, &mut outer);
                    behind_operand = true;
                }
                Keyword::AS => behind_operand = false,
                Keyword::JOIN => {
                    level.operators += JOIN;
                    behind_operand = false;
                }
                _ => {
                    level.operators += usize::from(behind_operand);
                    behind_operand = !behind_operand;
                }
            },
            _ => {
                level.operators += 1;
                behind_operand = false;
            }
        }
        last = token;
    }
    while !outer.is_empty() {
        level = closed(level, &mut outer);
    }
    level.part();
    level.longest
}

/// The level around this one, which knows how deep it was.
fn closed(mut level: Level, outer: &mut Vec<Level>) -> Level {
    level.part();
    // More closed than opened: the parser stops there.
    let mut around = outer.pop().unwrap_or_default();
    around.inner = around.inner.max(level.longest);
    around
}
