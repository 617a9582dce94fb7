//! How deep a tree its operators make of a text, judged before a parser builds it: a chain such as `a OR b OR c` makes a
//! tree as deep as it is long, which the parser's own limit of depth does not see, and which no stack would hold.

use super::syntax::too_large;
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

#[cfg(test)]
mod tests {
    use super::chained;
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::tokenizer::Tokenizer;

    fn count(text: &str) -> usize {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location();
        tokens.map(|tokens| chained(&tokens)).unwrap_or_default()
    }

    #[test]
    fn chains_are_as_long_as_they_are_written() {
        for (one, operators) in
            [(" + 1", 1), (" AND a", 1), (" IN (1)", 1), (" IS NULL", 1), ("::text", 1), ("[1]", 1), (" || (b)", 1)]
        {
            assert_eq!(count(&format!("a{}", one.repeat(100))), 100 * operators, "{one}");
        }
        assert_eq!(count(&format!("a{}", " NOTNULL".repeat(100))), 50);
        assert_eq!(count(&format!("a FROM x{}", " JOIN x".repeat(10))), 102);
        assert_eq!(count(&format!("f(1){}", "(1)".repeat(100))), 100);
    }

    #[test]
    fn what_stands_beside_each_other_makes_no_chain() {
        assert_eq!(count(&format!("n IN (-0{})", ", -1".repeat(1_000))), 1);
        assert_eq!(count(&format!("CASE{} END", " WHEN n BETWEEN 1 AND 2 THEN 'a'".repeat(1_000))), 2);
        assert_eq!(count(&format!("coalesce(a + 1{})", ", b * c + 2".repeat(1_000))), 2);
    }

    #[test]
    fn a_chain_in_brackets_counts_for_the_one_around_it() {
        assert_eq!(count("a + (b * (c - d) - e) + 1"), 5);
        assert_eq!(count("f(a + b, (c * d) * e) - 1"), 3);
        assert_eq!(count("CASE WHEN a THEN CASE WHEN b + 1 THEN 2 END + 3 END || 'x'"), 3);
        assert_eq!(count(")) + a + b"), 2);
    }
}
