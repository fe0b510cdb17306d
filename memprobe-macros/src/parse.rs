//! Parses the header of a function and leaves all its tokens as they are, so that a half-written
//! body gives only rustc's own errors and an editor sees what the user wrote.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::token::{Brace, Default as DefaultToken};
use syn::{Abi, Attribute, Error, Expr, Ident, Path, Result, Signature, Token, Visibility};

pub struct Function {
    /// The tokens before the body.
    head: Vec<TokenTree>,
    /// The signature, parsed from the head.
    pub sig: Signature,
    inner_attrs: TokenStream,
    /// The body in the user's own braces, whose edition decides when temporaries of the tail are
    /// dropped.
    pub body: Group,
}

impl Function {
    pub fn parse(item: TokenStream) -> Result<Self> {
        let sig = header.parse2(item.clone())?;
        let mut head = visible(item);
        let Some(TokenTree::Group(body)) = head.pop() else {
            return Err(Error::new_spanned(sig.fn_token, NO_BODY));
        };
        let (inner_attrs, body) = split_inner_attrs(body);
        Ok(Function { head, sig, inner_attrs, body })
    }

    /// Returns the function with another body between the user's own braces. With braces of the
    /// macro's, the item would count as made by a macro and lose lints such as `dead_code`.
    pub fn with_body(&self, statements: &TokenStream) -> TokenStream {
        let mut tokens: TokenStream = self.head.iter().cloned().collect();
        let inside = [self.inner_attrs.clone(), statements.clone()].into_iter().collect();
        group(Delimiter::Brace, inside, self.body.span()).to_tokens(&mut tokens);
        tokens
    }
}

/// Puts tokens in delimiters with the span of others that the user wrote.
pub fn group(delimiter: Delimiter, tokens: TokenStream, span: Span) -> Group {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(span);
    group
}

/// Returns the tokens without the invisible group in which a `macro_rules!` may pass the last.
pub fn visible(tokens: TokenStream) -> Vec<TokenTree> {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    if let Some(TokenTree::Group(last)) = tokens.last() {
        if last.delimiter() == Delimiter::None {
            let inside = visible(last.stream());
            tokens.pop();
            tokens.extend(inside);
        }
    }
    tokens
}

/// Splits the inner attributes `#![…]` off a body. They apply to the whole function and are only
/// allowed at its start.
fn split_inner_attrs(body: Group) -> (TokenStream, Group) {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let is_punct = |at: usize, char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
    let mut end = 0;
    while is_punct(end, '#') && is_punct(end + 1, '!') {
        end += 3;
    }
    if end == 0 {
        return (TokenStream::new(), body);
    }
    let (attrs, rest) = tokens.split_at(end.min(tokens.len()));
    let rest = rest.iter().cloned().collect();
    (attrs.iter().cloned().collect(), group(Delimiter::Brace, rest, body.span()))
}

const NO_BODY: &str = "`#[memprobe]` needs a function with a body: put it on the implementation";

const WRAP: &str = "for a block, a closure or a future there are `memprobe::scope` and \
                    `memprobe::scope_future`";

/// Returns true for `#[unsafe(naked)]` and its earlier form `#[naked]`.
fn is_naked(attr: &Attribute) -> bool {
    let in_unsafe = || attr.parse_args::<Ident>().is_ok_and(|word| word == "naked");
    attr.path().is_ident("naked") || (attr.path().is_ident("unsafe") && in_unsafe())
}

/// Returns true for an expression that is not a macro call; rustc allows no attribute macro on it.
pub fn is_expression(tokens: TokenStream) -> bool {
    syn::parse2::<Expr>(tokens).is_ok_and(|expression| !matches!(expression, Expr::Macro(_)))
}

fn header(input: ParseStream) -> Result<Signature> {
    let attrs = input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    if let Some((what, span)) = other_item(input) {
        let message = format!("`#[memprobe]` belongs on a function, not on {what}");
        return Err(Error::new(span, message));
    }
    input.parse::<Option<DefaultToken>>()?;
    let start = input.fork();
    let sig: Signature = input.parse().map_err(|error| {
        let is_no_item = start.peek(Token![let]) || start.parse().is_ok_and(is_expression);
        let why = if is_no_item { WRAP.to_owned() } else { error.to_string() };
        Error::new(error.span(), format!("`#[memprobe]` belongs on a function: {why}"))
    })?;
    if let Some(naked) = attrs.iter().find(|attr| is_naked(attr)) {
        let message = "`#[memprobe]` cannot be applied to a naked function: it has no room for \
                       more than its assembly";
        return Err(Error::new_spanned(naked, message));
    }
    if let Some(constness) = &sig.constness {
        return Err(Error::new(
            constness.span,
            "`#[memprobe]` cannot be applied to a `const fn`: readings are taken at run time",
        ));
    }
    if !input.peek(Brace) {
        return Err(input.error(NO_BODY));
    }
    input.parse::<TokenStream>()?;
    Ok(sig)
}

/// Returns the kind of the item here if it is plainly not a function, and the span at which the
/// kind shows.
fn other_item(input: ParseStream) -> Option<(&'static str, Span)> {
    let ahead = input.fork();
    while ahead.peek(Token![default]) || ahead.peek(Token![unsafe]) || ahead.peek(Token![auto]) {
        ahead.parse::<TokenTree>().ok()?;
    }
    let span = ahead.span();
    let what = if ahead.peek(Token![struct]) {
        "a struct"
    } else if ahead.peek(Token![enum]) {
        "an enum"
    } else if ahead.peek(Token![union]) && ahead.peek2(Ident) {
        "a union"
    } else if ahead.peek(Token![static]) {
        "a static"
    } else if ahead.peek(Token![use]) {
        "an import"
    } else if ahead.peek(Token![type]) {
        "a type alias"
    } else if ahead.peek(Token![const]) && (ahead.peek2(Ident) || ahead.peek2(Token![_])) {
        "a constant"
    } else if ahead.peek(Token![extern]) && ahead.peek2(Token![crate]) {
        "an `extern crate`"
    } else if ahead.parse::<Abi>().is_ok() && ahead.peek(Brace) {
        "an `extern` block: its functions have no body"
    } else if ahead.call(Path::parse_mod_style).is_ok() && ahead.peek(Token![!]) {
        "a macro: annotate the functions that it makes"
    } else {
        return None;
    };
    Some((what, span))
}
