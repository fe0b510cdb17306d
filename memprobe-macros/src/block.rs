//! The attribute on an `impl` block, a trait or a module: it puts itself on every item in it that
//! can carry it, and expands there.
//!
//! What it puts there stands last, so that an attribute of the item's own is expanded first, by
//! whatever name the user knows it and also if it comes from a `cfg_attr`. That one takes it off
//! and fills in the arguments which it does not have itself.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, Result};

use crate::args::{Args, INHERITED};
use crate::items::{Item, Kind, attributes};
use crate::parse::{group, visible};

pub struct Block {
    /// The tokens before the body.
    head: Vec<TokenTree>,
    body: Group,
    /// The error if there is nothing in it that can carry the attribute.
    nothing: Error,
}

impl Block {
    /// Returns `None` for anything else.
    pub fn parse(item: &TokenStream) -> Option<Result<Self>> {
        let mut head = visible(item.clone());
        let (item, _) = Item::first(&head);
        let says = |text: &str| Error::new(item.keyword, format!("`#[memprobe]` {text}"));
        let nothing = match item.kind {
            Kind::Impl => "finds nothing to measure here: there is no method but `const fn`s",
            Kind::Trait => {
                "finds nothing to measure here: no method of the trait has a body; annotate the \
                 implementations"
            }
            Kind::Module => {
                "finds nothing to measure here: there is no function but `const fn`s, and none in \
                 an impl block or a trait"
            }
            Kind::Function | Kind::Passed | Kind::Other => return None,
        };
        if item.kind == Kind::Module && !item.has_body {
            return Some(Err(says(
                "cannot see into the file of a module: annotate what is in it, or write the module \
                 here in braces",
            )));
        }
        if item.is_const {
            return Some(Err(says(
                "cannot be applied to what is `const`: readings are taken at run time",
            )));
        }
        let nothing = says(nothing);
        match head.pop() {
            Some(TokenTree::Group(body)) => Some(Ok(Block { head, body, nothing })),
            _ => Some(Err(nothing)),
        }
    }

    pub fn annotate(&self, args: &Args) -> Result<TokenStream> {
        if let Some(name) = &args.name {
            let message = "`name` is of a single function: those in a block have names of their \
                           own, by their paths; give it to the function that wants another";
            return Err(Error::new(name.span(), message));
        }
        let mut count = 0;
        let members = annotate_each(self.body.stream(), args, &mut count);
        // Where it comes from a block around this one, there are others in that.
        if count == 0 && !args.is_inherited {
            return Err(self.nothing.clone());
        }
        let mut tokens: TokenStream = self.head.iter().cloned().collect();
        // The user's own braces, as for a function.
        group(Delimiter::Brace, members, self.body.span()).to_tokens(&mut tokens);
        Ok(tokens)
    }
}

/// Returns the items with the attribute on each that can carry it, and counts those.
fn annotate_each(items: TokenStream, args: &Args, count: &mut usize) -> TokenStream {
    let items: Vec<TokenTree> = items.into_iter().collect();
    let mut left = &items[..];
    let mut annotated = TokenStream::new();
    while !left.is_empty() {
        let (item, rest) = Item::first(left);
        left = rest;
        annotated.extend(item.attrs.iter().cloned());
        if let (Kind::Passed, [TokenTree::Group(passed)]) = (item.kind, item.rest) {
            let inside = annotate_each(passed.stream(), args, count);
            group(Delimiter::None, inside, passed.span()).to_tokens(&mut annotated);
            continue;
        }
        if item.can_carry() {
            *count += 1;
            let (krate, args) = (args.krate(), args.for_members());
            let call = quote!(#krate::memprobe(#args));
            // The place of the item's keyword is what events say of the function, and not that of
            // the block.
            let call = group(Delimiter::Bracket, call, item.keyword);
            annotated.extend(quote_spanned!(item.keyword=> # #call));
        }
        annotated.extend(item.rest.iter().cloned());
    }
    annotated
}

/// Takes off an item what a block around it has put there, and returns its arguments as well.
pub fn take_inherited(item: &TokenStream) -> (TokenStream, Option<TokenStream>) {
    let mut tokens = visible(item.clone());
    let attrs = &tokens[..attributes(&tokens)];
    let arguments = attrs.iter().map(inherited);
    let Some((at, arguments)) = arguments.enumerate().find_map(|(at, found)| Some((at, found?)))
    else {
        return (item.clone(), None);
    };
    tokens.drain(at - 1..=at);
    (tokens.into_iter().collect(), Some(arguments))
}

/// Returns the arguments of `[::memprobe::memprobe(__inherited, …)]`.
fn inherited(attr: &TokenTree) -> Option<TokenStream> {
    let TokenTree::Group(attr) = attr else { return None };
    let Some(TokenTree::Group(arguments)) = attr.stream().into_iter().last() else { return None };
    let first = arguments.stream().into_iter().next()?;
    let is_ours = matches!(first, TokenTree::Ident(word) if word == INHERITED);
    is_ours.then(|| arguments.stream())
}
