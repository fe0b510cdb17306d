//! Errors for malformed fields, each at the first token that is wrong.

use proc_macro2::{Delimiter, TokenStream};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Token};

use super::field::Sigil;
use super::reserved::is_reserved;
use crate::list;

/// The field does not begin with a word.
pub fn no_word(input: ParseStream, sigil: Sigil) -> Error {
    if list::is_missing(input) {
        if let Some(span) = sigil.span() {
            let message = format!("`{sigil}` needs a variable behind it, as in `{sigil}path`");
            return Error::new(span, message);
        }
    }
    if input.cursor().group(Delimiter::None).is_some() {
        return input.parse().map_or_else(|error| error, nameless);
    }
    let message = if input.peek(LitStr) && input.peek2(Token![=]) {
        "the name of a field stands without quotes, as in `rows = rows.len()`"
    } else {
        "expected a field, as in `rows` or `rows = rows.len()`"
    };
    Error::new(input.span(), message)
}

/// The field begins with a word, but is neither a variable nor `name = value`.
pub fn no_field(input: ParseStream, sigil: Sigil) -> Error {
    let ahead = input.fork();
    let words = Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with;
    match words(&ahead, Ident::parse_any) {
        Ok(words) if words.len() > 1 && list::is_missing(&ahead) => {
            return dotted(&words, &format!("{sigil}{}", join(words.iter().cloned(), ".")));
        }
        Ok(words) if words.len() > 1 && ahead.peek(Token![=]) => return dotted(&words, "value"),
        _ => {}
    }
    let behind = input.fork();
    let _word = behind.call(Ident::parse_any);
    if let (Some(span), true) = (sigil.span(), behind.peek(Token![=])) {
        let message = format!("`{sigil}` stands before the value, as in `path = {sigil}path`");
        return Error::new(span, message);
    }
    match input.parse() {
        Ok(value) if list::is_missing(input) => nameless(value),
        _ => Error::new(behind.span(), "expected `=` or `,`"),
    }
}

/// The field has a name that memprobe writes itself. `sigil` is `None` unless it is a variable.
pub fn reserved(name: &Ident, sigil: Option<Sigil>) -> Error {
    let as_in = sigil.map(|sigil| format!(", as in `my_{} = {sigil}{name}`", name.unraw()));
    let as_in = as_in.unwrap_or_default();
    let message =
        format!("`{name}` is a field that memprobe writes itself: choose another name{as_in}");
    Error::new(name.span(), message)
}

pub fn keyword(name: &Ident) -> Error {
    let message = format!("`{name}` is a keyword and no variable: write `{name} = value`");
    Error::new(name.span(), message)
}

pub fn no_value(name: &Ident) -> Error {
    Error::new(name.span(), format!("`{name}` needs a value behind its `=`"))
}

/// The tokens end before the value is complete. The error is at the last of them, because syn
/// would point at the whole macro.
pub fn half(name: &Ident, value: ParseStream) -> Error {
    let last = value.parse::<TokenStream>().ok().and_then(|tokens| tokens.into_iter().last());
    let span = last.map_or(name.span(), |token| token.span());
    Error::new(span, format!("the value of `{name}` is half-written"))
}

/// The name has dots, as in `user.id`. The error proposes a flat name for `value`.
fn dotted(words: &Punctuated<Ident, Token![.]>, value: &str) -> Error {
    let flat = |words: &mut dyn Iterator<Item = &Ident>| join(words.map(IdentExt::unraw), "_");
    let short = flat(&mut words.iter().skip_while(|word| *word == "self"));
    let name = if is_reserved(&short) { flat(&mut words.iter()) } else { short };
    let message = format!("the name of a field has no dots: write `{name} = {value}`");
    Error::new_spanned(words, message)
}

fn join(words: impl Iterator<Item = Ident>, separator: &str) -> String {
    words.map(|word| word.to_string()).collect::<Vec<_>>().join(separator)
}

fn nameless(value: Expr) -> Error {
    let message = "a value that is no variable needs a name, as in `rows = rows.len()`";
    Error::new_spanned(value, message)
}
