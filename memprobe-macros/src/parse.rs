//! A function with its header parsed and its body left alone: a half-written body must give
//! only rustc's own errors, and an editor must see the user's tokens.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::token::{Brace, Default as DefaultToken};
use syn::{Attribute, Error, Result, Signature, Token, Visibility, braced};

pub struct Function {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub defaultness: Option<DefaultToken>,
    pub sig: Signature,
    pub brace: Brace,
    pub inner_attrs: Vec<Attribute>,
    pub body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        if let Some((what, span)) = other_item(input) {
            let message = format!("`#[memprobe]` belongs on a function, not on {what}");
            return Err(Error::new(span, message));
        }
        let defaultness = input.parse()?;
        let sig: Signature = input.parse()?;
        if let Some(constness) = &sig.constness {
            return Err(Error::new(
                constness.span,
                "`#[memprobe]` cannot be applied to a `const fn`: readings are taken at run time",
            ));
        }
        if input.peek(Token![;]) {
            return Err(
                input.error("`#[memprobe]` needs a function body: put it on the implementation")
            );
        }
        let content;
        let brace = braced!(content in input);
        Ok(Function {
            attrs,
            vis,
            defaultness,
            sig,
            brace,
            inner_attrs: content.call(Attribute::parse_inner)?,
            body: content.parse()?,
        })
    }
}

/// Names what stands here when it is plainly another kind of item.
fn other_item(input: ParseStream) -> Option<(&'static str, proc_macro2::Span)> {
    let ahead = input.fork();
    let _ = ahead.parse::<Option<DefaultToken>>();
    if ahead.peek(Token![unsafe]) && (ahead.peek2(Token![impl]) || ahead.peek2(Token![trait])) {
        let _ = ahead.parse::<Token![unsafe]>();
    }
    let what = if ahead.peek(Token![struct]) {
        "a struct"
    } else if ahead.peek(Token![enum]) {
        "an enum"
    } else if ahead.peek(Token![union]) && ahead.peek2(syn::Ident) {
        "a union"
    } else if ahead.peek(Token![impl]) {
        "an impl block: annotate the methods in it"
    } else if ahead.peek(Token![trait]) {
        "a trait: annotate the methods that have a body"
    } else if ahead.peek(Token![mod]) {
        "a module: annotate the functions in it"
    } else if ahead.peek(Token![static]) {
        "a static"
    } else if ahead.peek(Token![use]) {
        "an import"
    } else if ahead.peek(Token![type]) {
        "a type alias"
    } else if ahead.peek(Token![const])
        && !(ahead.peek2(Token![fn])
            || ahead.peek2(Token![async])
            || ahead.peek2(Token![unsafe])
            || ahead.peek2(Token![extern]))
    {
        "a constant"
    } else if ahead.peek(Token![extern]) && ahead.peek2(Token![crate]) {
        "an `extern crate`"
    } else {
        return None;
    };
    Some((what, ahead.span()))
}

impl Function {
    /// The function with another body between the user's own braces: with braces of ours the
    /// item would count as macro-made and lose lints such as `dead_code`.
    pub fn with_body(&self, statements: &TokenStream) -> TokenStream {
        let Function { attrs, vis, defaultness, sig, inner_attrs, .. } = self;
        let block = self.braced(&quote!(#(#inner_attrs)* #statements));
        quote!(#(#attrs)* #vis #defaultness #sig #block)
    }

    /// The user's body between the user's own braces: they carry the edition that decides
    /// when temporaries of the tail are dropped.
    pub fn block(&self) -> TokenStream {
        self.braced(&self.body)
    }

    /// These tokens between the user's own braces.
    pub fn braced(&self, tokens: &TokenStream) -> TokenStream {
        let mut block = TokenStream::new();
        self.brace.surround(&mut block, |inside| tokens.to_tokens(inside));
        block
    }
}
