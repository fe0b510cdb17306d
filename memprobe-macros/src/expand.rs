//! The expansions: what is put around the user's body, and nothing else.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Lifetime, PathArguments, ReturnType, Type, TypeParamBound};

use crate::args::Args;
use crate::parse::Function;

/// The only exit: a mistake gives its error beside the untouched item, so that nothing that
/// uses the item errs as well.
pub fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let args = syn::parse2::<Args>(args);
    let function = syn::parse2::<Function>(item.clone());
    let error = match (args, function) {
        (Ok(args), Ok(function)) => return annotate(&args, &function),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error,
        (Err(mut first), Err(second)) => {
            first.combine(second);
            first
        }
    };
    let error = error.into_compile_error();
    quote!(#error #item)
}

fn annotate(args: &Args, function: &Function) -> TokenStream {
    let site = site(args, function);
    if let Some(asyncness) = &function.sig.asyncness {
        return function.with_body(&asynchronous(args, function, &site, asyncness.span));
    }
    if let Some(body) = returned_future(args, function) {
        return function.with_body(&quote!(#site #body));
    }
    function.with_body(&synchronous(args, function, &site))
}

/// The static that describes the function and holds its totals.
fn site(args: &Args, function: &Function) -> TokenStream {
    let krate = args.krate();
    let level = args.level();
    let rate = args.rate();
    let name = args.name.as_ref().map(|name| quote!(name: #name,));
    let target = args.target.as_ref().map(|target| quote!(target: #target,));
    let body = if function.sig.asyncness.is_some() { quote!(async) } else { quote!(sync) };
    quote!(#krate::__private::site!(__MEMPROBE, #body, #level, #rate, #name #target);)
}

/// ```text
/// Input:  fn f(..) -> T { BODY }
/// Output: fn f(..) -> T {
///             static __MEMPROBE: Site = ..;
///             let frame = pin!(Frame::new(&__MEMPROBE));
///             frame.as_ref().enter();
///             match () { () => { BODY } }
///         }
/// ```
/// The arm is a temporary scope in every edition: the exit comes after the temporaries of
/// the tail are gone.
fn synchronous(args: &Args, function: &Function, site: &TokenStream) -> TokenStream {
    let krate = args.krate();
    let frame = Ident::new("frame", Span::mixed_site());
    let block = function.block();
    // A closure's signature is deduced from `impl Fn…` only where the body is the tail.
    let tail = if may_hide_impl(&function.sig.output) {
        quote!(#[allow(unused_braces)] #block)
    } else {
        bracketed(&function.block(), function.brace.span.close())
    };
    quote! {
        #site
        let #frame = ::core::pin::pin!(#krate::__private::Frame::new(&__MEMPROBE));
        #frame.as_ref().enter();
        #tail
    }
}

/// ```text
/// Input:  async fn f(..) -> T { BODY }
/// Output: async fn f(..) -> T {
///             static __MEMPROBE: Site = ..;
///             follow(&__MEMPROBE, async move {
///                 if false { return hint::<T>(); }
///                 match () { () => { BODY } }
///             }).await
///         }
/// ```
/// The hint pins the return type, so that `?` and coercions infer as in the plain function.
fn asynchronous(args: &Args, function: &Function, site: &TokenStream, span: Span) -> TokenStream {
    let krate = args.krate();
    let never =
        matches!(&function.sig.output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)));
    let hint = match &function.sig.output {
        _ if never => Some(quote!(::core::convert::Infallible)),
        ReturnType::Default => None,
        ReturnType::Type(_, ty) if is_unit(ty) => None,
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            generalize(&mut ty);
            Some(quote!(#ty))
        }
    };
    let hint = hint.map(|ty| quote!(if false { return #krate::__private::hint::<#ty>(); }));
    let future = quote_spanned! {span=> async move };
    let bracketed = bracketed(&function.block(), function.brace.span.close());
    let block = function.braced(&quote!(#hint #bracketed));
    let follow = quote!(#krate::__private::follow(&__MEMPROBE, #future #block).await);
    if never {
        return quote!(#site match #follow {});
    }
    quote!(#site return #follow)
}

/// A block in a scope of its own for temporaries. The `match` stands where the block ends, as
/// if the user had written it: else lints of the tail would speak of the attribute.
fn bracketed(block: &impl ToTokens, close: Span) -> TokenStream {
    quote_spanned!(close=> match () { () => #block })
}

/// ```text
/// Input:  fn f(..) -> impl Future { STATEMENTS async move { BODY } }
/// Output: fn f(..) -> impl Future { STATEMENTS follow(&__MEMPROBE, async move { BODY }) }
/// ```
/// and the same inside `Box::pin(…)`, which is also what `#[async_trait]` writes. Any other
/// tail is `None`: a plain function that builds a future.
fn returned_future(args: &Args, function: &Function) -> Option<TokenStream> {
    let ReturnType::Type(_, output) = &function.sig.output else { return None };
    let mut tokens: Vec<TokenTree> = function.body.clone().into_iter().collect();
    let krate = args.krate();
    let hint = future_output(output).filter(|ty| !is_unit(ty)).map(|mut ty| {
        generalize(&mut ty);
        quote!(if false { return #krate::__private::hint::<#ty>(); })
    });
    // The call passes for the user's `async` block, as `bracketed` does for a part of one.
    let follow = |future: &[TokenTree]| {
        let (head, body) = future.split_at(future.len() - 1);
        let TokenTree::Group(body) = &body[0] else { return None };
        let inner = hint.as_ref().map_or(body.clone(), |hint| {
            let bracketed = bracketed(body, body.span_close());
            group(Delimiter::Brace, quote!(#hint #bracketed), body.span())
        });
        let span = head[0].span();
        let krate = args.krate_at(span);
        let path = quote_spanned!(span=> #krate::__private::follow);
        let arguments = quote!(&__MEMPROBE, #(#head)* #inner);
        let arguments = group(Delimiter::Parenthesis, arguments, body.span());
        Some(quote!(#path #arguments))
    };
    if let Some(start) = async_block(&tokens).filter(|&start| starts_statement(&tokens, start)) {
        let future = follow(&tokens[start..])?;
        tokens.truncate(start);
        return Some(quote!(#(#tokens)* #future));
    }
    let TokenTree::Group(call) = tokens.last()? else { return None };
    if call.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let mut argument: Vec<TokenTree> = call.stream().into_iter().collect();
    if matches!(argument.last(), Some(TokenTree::Punct(comma)) if comma.as_char() == ',') {
        argument.pop();
    }
    if async_block(&argument)? != 0 {
        return None;
    }
    let path = box_pin(&tokens[..tokens.len() - 1])?;
    if !starts_statement(&tokens, path) {
        return None;
    }
    let pinned = group(Delimiter::Parenthesis, follow(&argument)?, call.span());
    tokens.pop();
    Some(quote!(#(#tokens)* #pinned))
}

fn group(delimiter: Delimiter, tokens: TokenStream, span: Span) -> Group {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(span);
    group
}

/// Where the `async [move] { … }` begins with which these tokens end.
fn async_block(tokens: &[TokenTree]) -> Option<usize> {
    let (last, before) = tokens.split_last()?;
    if !is_brace(last) {
        return None;
    }
    let word = |n: usize| before.len().checked_sub(n).map(|at| before[at].to_string());
    match (word(2).as_deref(), word(1).as_deref()) {
        (Some("async"), Some("move")) => Some(before.len() - 2),
        (_, Some("async")) => Some(before.len() - 1),
        _ => None,
    }
}

/// Where the path begins with which these tokens end, if it is `Box::pin` by any prefix.
fn box_pin(tokens: &[TokenTree]) -> Option<usize> {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ':');
    let mut start = tokens.len();
    while start > 0 && (is_colon(&tokens[start - 1]) || is_path_word(&tokens[start - 1])) {
        // Two words in a row are not one path.
        if start < tokens.len() && !is_colon(&tokens[start]) && !is_colon(&tokens[start - 1]) {
            break;
        }
        start -= 1;
    }
    let path: String = tokens[start..].iter().map(ToString::to_string).collect();
    (path == "Box::pin" || path.ends_with("::Box::pin")).then_some(start)
}

fn is_path_word(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(word) if word != "return" && word != "break")
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn starts_statement(tokens: &[TokenTree], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    is_brace(&tokens[before])
        || matches!(&tokens[before], TokenTree::Punct(p) if p.as_char() == ';')
}

/// `T` of `impl Future<Output = T>`, also behind `Pin<Box<dyn …>>`.
fn future_output(ty: &Type) -> Option<Type> {
    let bounds = match ty {
        Type::ImplTrait(ty) => &ty.bounds,
        Type::TraitObject(ty) => &ty.bounds,
        Type::Paren(ty) => return future_output(&ty.elem),
        Type::Group(ty) => return future_output(&ty.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
            if last.ident != "Pin" && last.ident != "Box" {
                return None;
            }
            return args.args.iter().find_map(|arg| match arg {
                GenericArgument::Type(inner) => future_output(inner),
                _ => None,
            });
        }
        _ => return None,
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
        args.args.iter().find_map(|arg| match arg {
            GenericArgument::AssocType(output) if output.ident == "Output" => {
                Some(output.ty.clone())
            }
            _ => None,
        })
    })
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether `impl …` stands in the return type or a macro may put it there.
fn may_hide_impl(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => {
            let mut copy = (**ty).clone();
            generalize(&mut copy)
        }
    }
}

/// Turns a return type into one that can be written inside the body: `impl …` and macros
/// become `_`, named lifetimes `'_` (else `clippy::needless_lifetimes` falls silent).
/// Says whether there was an `impl …` or a macro.
fn generalize(ty: &mut Type) -> bool {
    let anonymous = |lifetime: &mut Lifetime| {
        if lifetime.ident != "static" {
            lifetime.ident = Ident::new("_", lifetime.span());
        }
    };
    match ty {
        Type::ImplTrait(_) | Type::Macro(_) => {
            *ty = Type::Verbatim(quote_spanned!(ty.span()=> _));
            true
        }
        Type::Reference(reference) => {
            if let Some(lifetime) = &mut reference.lifetime {
                anonymous(lifetime);
            }
            generalize(&mut reference.elem)
        }
        Type::Path(path) => {
            let mut found = false;
            for segment in &mut path.path.segments {
                // `Fn(&'a T)` would mean something else with an elided lifetime.
                let PathArguments::AngleBracketed(args) = &mut segment.arguments else { continue };
                for arg in &mut args.args {
                    match arg {
                        GenericArgument::Lifetime(lifetime) => anonymous(lifetime),
                        GenericArgument::Type(inner) => found |= generalize(inner),
                        _ => {}
                    }
                }
            }
            found
        }
        Type::TraitObject(object) => {
            for bound in &mut object.bounds {
                if let TypeParamBound::Lifetime(lifetime) = bound {
                    anonymous(lifetime);
                }
            }
            false
        }
        Type::Tuple(tuple) => {
            tuple.elems.iter_mut().fold(false, |found, elem| generalize(elem) | found)
        }
        Type::Array(array) => generalize(&mut array.elem),
        Type::Slice(slice) => generalize(&mut slice.elem),
        Type::Paren(paren) => generalize(&mut paren.elem),
        Type::Group(group) => generalize(&mut group.elem),
        Type::Ptr(pointer) => generalize(&mut pointer.elem),
        _ => false,
    }
}
