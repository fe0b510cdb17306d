//! Parses one field of a probe: `name = value`, or a variable that also gives the name.

use std::fmt;

use proc_macro2::{Delimiter, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprPath, Ident, Result, Token};

use super::mistake;
use super::reserved::is_reserved;
use crate::list;

pub struct Field {
    pub name: Ident,
    pub sigil: Sigil,
    pub value: Expr,
}

/// How `tracing` shows a field: as a value, by `Debug` (`?`) or by `Display` (`%`).
#[derive(Clone, Copy)]
pub enum Sigil {
    Value,
    Debug(Token![?]),
    Display(Token![%]),
}

impl Parse for Field {
    fn parse(input: ParseStream) -> Result<Self> {
        let sigil = Sigil::parse(input)?;
        // A fragment such as `$e:expr` is not a name, even if it is a single word.
        let is_fragment = input.cursor().group(Delimiter::None).is_some();
        if is_fragment || !input.peek(Ident::peek_any) || input.peek(Token![_]) {
            return Err(mistake::no_word(input, sigil));
        }
        let ahead = input.fork();
        let name = ahead.call(Ident::parse_any)?;
        let is_variable = list::is_missing(&ahead);
        let is_named = ahead.peek(Token![=]) && sigil.span().is_none();
        if !is_variable && !is_named {
            return Err(mistake::no_field(input, sigil));
        }
        input.call(Ident::parse_any)?;
        if is_reserved(&name.unraw().to_string()) {
            return Err(mistake::reserved(&name, is_variable.then_some(sigil)));
        }
        if is_variable { Field::variable(name, sigil) } else { Field::named(name, input) }
    }
}

impl Field {
    fn variable(name: Ident, sigil: Sigil) -> Result<Field> {
        if name != "self" && syn::parse_str::<Ident>(&name.to_string()).is_err() {
            return Err(mistake::keyword(&name));
        }
        let path = name.clone().into();
        let value = Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path });
        Ok(Field { name, sigil, value })
    }

    /// Parses the rest of a field, after its name.
    fn named(name: Ident, input: ParseStream) -> Result<Field> {
        input.parse::<Token![=]>()?;
        let sigil = Sigil::parse(input)?;
        if list::is_missing(input) {
            return Err(mistake::no_value(&name));
        }
        let value = input.fork();
        let value = input
            .parse()
            .map_err(|error| if input.is_empty() { mistake::half(&name, &value) } else { error })?;
        Ok(Field { name, sigil, value })
    }
}

impl Sigil {
    fn parse(input: ParseStream) -> Result<Sigil> {
        Ok(match input.parse()? {
            Some(debug) => Sigil::Debug(debug),
            None => input.parse::<Option<_>>()?.map_or(Sigil::Value, Sigil::Display),
        })
    }

    /// Returns the span of the `?` or `%`.
    pub fn span(self) -> Option<Span> {
        match self {
            Sigil::Value => None,
            Sigil::Debug(debug) => Some(debug.span),
            Sigil::Display(display) => Some(display.span),
        }
    }
}

impl fmt::Display for Sigil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sigil::Value => "",
            Sigil::Debug(_) => "?",
            Sigil::Display(_) => "%",
        })
    }
}
