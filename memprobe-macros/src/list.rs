//! Parses lists with commas and reports every mistake in them.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::{Error, Result, Token};

/// Parses each item of `input` by `one`. Goes on after a mistake, and returns all mistakes as one
/// error.
pub fn each(input: ParseStream, mut one: impl FnMut(ParseStream) -> Result<()>) -> Result<()> {
    let mut errors: Option<Error> = None;
    while !input.is_empty() {
        let comma =
            |()| if input.is_empty() { Ok(()) } else { input.parse::<Token![,]>().map(drop) };
        let Err(error) = one(input).and_then(comma) else { continue };
        match &mut errors {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
        while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
            input.parse::<TokenTree>()?;
        }
    }
    errors.map_or(Ok(()), Err)
}

/// Returns true if an item or a value is missing here: the input ends or a comma follows.
pub fn is_missing(input: ParseStream) -> bool {
    input.is_empty() || input.peek(Token![,])
}
