//! Tokens to a formula, by recursive descent with a bounded depth. The grammar is on the crate's page.

use crate::attribute::{Attribute, Name};
use crate::comparison::{Comparison, Operator};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::node::Node;
use crate::policy::{MAX_DEPTH, PolicyError};
use crate::syntax::Position;

/// The formula that a text means.
pub(crate) fn parse(text: &str) -> Result<Node, PolicyError> {
    let mut lexer = Lexer::new(text)?;
    let current = lexer.token()?;
    let mut parser = Parser {
        lexer,
        current,
        depth: 0,
    };
    let root = parser.any()?;
    match parser.current.kind {
        TokenKind::End => Ok(root),
        _ => Err(parser.unexpected("`and`, `or`, or the end")),
    }
}

struct Parser<'text> {
    lexer: Lexer<'text>,
    current: Token,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, PolicyError> {
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.current, next))
    }

    fn unexpected(&self, expected: &'static str) -> PolicyError {
        self.current.unexpected(expected).into()
    }

    /// Steps over this token if it is the next one.
    fn take(&mut self, kind: &TokenKind) -> Result<bool, PolicyError> {
        let found = self.current.kind == *kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, kind: &TokenKind, expected: &'static str) -> Result<(), PolicyError> {
        if self.take(kind)? {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn any(&mut self) -> Result<Node, PolicyError> {
        let mut items = vec![self.all()?];
        while self.take(&TokenKind::Or)? {
            items.push(self.all()?);
        }
        Ok(Node::or(items))
    }

    fn all(&mut self) -> Result<Node, PolicyError> {
        let mut items = vec![self.item()?];
        while self.take(&TokenKind::And)? {
            items.push(self.item()?);
        }
        Ok(Node::and(items))
    }

    fn item(&mut self) -> Result<Node, PolicyError> {
        match self.current.kind.clone() {
            TokenKind::Open => {
                self.open("`(`")?;
                let inner = self.any()?;
                self.close("`and`, `or`, or `)`")?;
                Ok(inner)
            }
            TokenKind::Number(count) => {
                let at = self.advance()?.at;
                self.threshold(count, at)
            }
            TokenKind::Label(attribute) => {
                let at = self.advance()?.at;
                self.label(attribute, at)
            }
            _ => Err(self.unexpected(
                "an attribute, a comparison, `(`, or a count as in `2 of (icu, er, surgery)`",
            )),
        }
    }

    /// `(`: one level deeper, which is where the recursion is bounded.
    fn open(&mut self, expected: &'static str) -> Result<(), PolicyError> {
        let at = self.current.at;
        self.expect(&TokenKind::Open, expected)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            Err(PolicyError::TooDeep { at })
        } else {
            Ok(())
        }
    }

    fn close(&mut self, expected: &'static str) -> Result<(), PolicyError> {
        self.expect(&TokenKind::Close, expected)?;
        self.depth -= 1;
        Ok(())
    }

    fn threshold(&mut self, count: u32, at: Position) -> Result<Node, PolicyError> {
        self.expect(
            &TokenKind::Of,
            "`of`, as in `2 of (icu, er, surgery)`; a comparison has its number on the right, as \
             in `clearance >= 3`",
        )?;
        self.open("`(`, as in `2 of (icu, er, surgery)`")?;
        let mut items = vec![self.any()?];
        while self.take(&TokenKind::Comma)? {
            items.push(self.any()?);
        }
        self.close("`,`, `and`, `or`, or `)`")?;
        let available = items.len();
        match usize::try_from(count) {
            Ok(count) if (1..=available).contains(&count) => Ok(Node::threshold(count, items)),
            _ => Err(PolicyError::Threshold {
                count,
                available,
                at,
            }),
        }
    }

    fn label(&mut self, attribute: Attribute, at: Position) -> Result<Node, PolicyError> {
        match (&self.current.kind, attribute.value()) {
            (TokenKind::Compare(operator), None) => {
                let operator = *operator;
                self.comparison(Name(attribute.name().to_owned()), operator, at)
            }
            (TokenKind::Compare(_), Some(_)) => Err(self.unexpected(
                "`and`, `or`, or the end: only a name without a value can be compared",
            )),
            (TokenKind::Equals, _) => {
                Err(self.unexpected("`==` to compare a number, or `:` before a value"))
            }
            _ => Ok(Node::Attribute(attribute)),
        }
    }

    fn comparison(
        &mut self,
        name: Name,
        operator: Operator,
        at: Position,
    ) -> Result<Node, PolicyError> {
        self.advance()?;
        let TokenKind::Number(value) = self.current.kind else {
            return Err(self.unexpected("a number"));
        };
        self.advance()?;
        let comparison = format!("{name} {operator} {value}");
        Comparison::new(name, operator, value)
            .map(Node::Compare)
            .map_err(|triviality| PolicyError::Trivial {
                comparison,
                triviality,
                at,
            })
    }
}
