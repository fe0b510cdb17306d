//! Lists between commas in which each mistake is said.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::{Error, Result, Token};

/// Parses all of `input` by `one`, goes on behind a mistake, and gives all of them.
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

/// Whether a list goes on here: nothing stands where something should.
pub fn is_missing(input: ParseStream) -> bool {
    input.is_empty() || input.peek(Token![,])
}
