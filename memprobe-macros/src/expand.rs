//! The expansions: what is put around the user's body, and nothing else.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    GenericArgument, Lifetime, Path, PathArguments, ReturnType, Type, TypeParamBound, parse_quote,
};

use crate::args::Args;
use crate::parse::{Function, group, is_expression};

/// The only exit: a mistake gives its error beside the untouched item, so that nothing that
/// uses the item errs as well.
pub fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let args = syn::parse2::<Args>(args);
    let function = Function::parse(item.clone());
    let error = match (args, function) {
        (Ok(args), Ok(function)) => return annotate(&args, &function),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error,
        (Err(mut first), Err(second)) => {
            first.combine(second);
            first
        }
    };
    let error = error.into_compile_error();
    if is_expression(item.clone()) {
        return quote!({ #error #item });
    }
    quote!(#error #item)
}

fn annotate(args: &Args, function: &Function) -> TokenStream {
    let body = if function.sig.asyncness.is_some() {
        asynchronous(args, function)
    } else {
        returned_future(args, function).unwrap_or_else(|| synchronous(args, function))
    };
    function.with_body(&body)
}

/// The static that describes the function and holds its totals, in a block of its own: the
/// user's body cannot name it.
fn site(args: &Args) -> TokenStream {
    let krate = args.krate();
    let level = args.level();
    let rate = args.rate.as_ref().map(|rate| quote!(rate: #rate,));
    let name = args.name.as_ref().map(|name| quote!(name: #name,));
    let target = args.target.as_ref().map(|target| quote!(target: #target,));
    quote!(#krate::__private::site!(#level, #rate #name #target))
}

/// ```text
/// Input:  fn f(..) -> T { BODY }
/// Output: fn f(..) -> T {
///             let entered = enter({ static SITE: Site = ..; &SITE });
///             match () { () => { BODY } }
///         }
/// ```
/// The arm is a temporary scope in every edition: the exit comes after the temporaries of
/// the tail are gone.
fn synchronous(args: &Args, function: &Function) -> TokenStream {
    let krate = args.krate();
    let site = site(args);
    // Not a name that a constant of the user's may have: a pattern would mean that.
    let entered = Ident::new("__memprobe_entered", Span::mixed_site());
    let body = &function.body;
    // A closure's signature is deduced from `impl Fn…` only where the body is the tail.
    let tail = if may_hide_impl(function.sig.output.to_token_stream()) {
        // Any attribute keeps `unused_braces` from speaking of the block. What this one allows
        // cannot occur in a body.
        quote!(#[allow(exported_private_dependencies)] #body)
    } else {
        scoped(body)
    };
    quote! {
        let #entered = #krate::__private::enter(#site);
        #tail
    }
}

/// ```text
/// Input:  async fn f(..) -> T { BODY }
/// Output: async fn f(..) -> T {
///             return match () {
///                 () => follow({ static SITE: Site = ..; &SITE }, async move {
///                     if false { return hint::<T>(); }
///                     match () { () => { BODY } }
///                 }).await,
///             }
///         }
/// ```
/// The hint pins the return type, so that `?` and coercions infer as in the plain function.
/// The `return` keeps `clippy::implicit_return` from asking for one at our `await`.
fn asynchronous(args: &Args, function: &Function) -> TokenStream {
    let krate = args.krate();
    let site = site(args);
    let output = match &function.sig.output {
        ReturnType::Default => &parse_quote!(()),
        ReturnType::Type(_, ty) => &**ty,
    };
    let is_never = matches!(output, Type::Never(_));
    let hint = match output {
        Type::Never(_) => hint(&krate, &parse_quote!(::core::convert::Infallible)),
        ty => hint(&krate, ty),
    };
    let body = scoped(&function.body);
    let body = group(Delimiter::Brace, quote!(#hint #body), function.body.span());
    let future = quote_spanned!(function.sig.asyncness.span()=> async move #body);
    // A future that gives a future: meant here, as the type says.
    let allow = may_be_future(output).then(|| quote!(#[allow(clippy::async_yields_async)]));
    let follow = quote! {
        match () { #allow () => #krate::__private::follow(#site, #future).await }
    };
    if is_never { quote!(match #follow {}) } else { quote!(return #follow) }
}

/// A statement that pins the type of the `async` block that it stands in.
fn hint(krate: &Path, ty: &Type) -> TokenStream {
    let mut ty = ty.clone();
    generalize(&mut ty);
    // For `()` there is nothing that a lint could call a needless value.
    let value = (!is_unit(&ty)).then(|| quote!(#krate::__private::hint::<#ty>()));
    quote!(if false { return #value; })
}

/// A block as an arm, which is a scope for temporaries. The `match` stands where the block
/// ends, as if the user had written it: else lints of the tail would speak of the attribute.
fn scoped(block: &Group) -> TokenStream {
    quote_spanned!(block.span_close()=> match () { () => #block })
}

/// ```text
/// Input:  fn f(..) -> impl Future { STATEMENTS async move { BODY } }
/// Output: fn f(..) -> impl Future { STATEMENTS follow(&SITE, async move { BODY }) }
/// ```
/// and the same inside `Box::pin(…)`, which is also what `#[async_trait]` writes. Any other
/// tail is `None`: a plain function that builds a future.
fn returned_future(args: &Args, function: &Function) -> Option<TokenStream> {
    let ReturnType::Type(..) = &function.sig.output else { return None };
    let mut tokens: Vec<TokenTree> = function.body.stream().into_iter().collect();
    let site = site(args);
    // The call stands where the `async` block does, as if the user had written it.
    let follow = |block: &[TokenTree]| {
        let [first, .., last] = block else { return None };
        let krate = args.krate_at(first.span());
        let path = quote_spanned!(first.span()=> #krate::__private::follow);
        let arguments = group(Delimiter::Parenthesis, quote!(#site, #(#block)*), last.span());
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

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Types of values that are no futures.
const COMMON: [&str; 20] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
    "u64", "u128", "usize", "String", "Option", "Result", "Vec",
];

/// Whether a value of this type may be a future: of common types it is known that it is not.
fn may_be_future(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => reference.mutability.is_some(),
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_none_or(|last| !COMMON.contains(&last.ident.to_string().as_str()))
        }
        Type::Array(_) | Type::Never(_) | Type::Ptr(_) | Type::Tuple(_) => false,
        _ => true,
    }
}

/// Whether `impl …` stands in a type, or a macro that may put it there.
fn may_hide_impl(ty: TokenStream) -> bool {
    let mut after_bang = false;
    ty.into_iter().any(|token| match token {
        TokenTree::Group(group) => after_bang || may_hide_impl(group.stream()),
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Punct(punct) => {
            after_bang = punct.as_char() == '!';
            false
        }
        TokenTree::Literal(_) => false,
    })
}

/// Turns a return type into one that can be written inside the body: `impl …` and macros
/// become `_`, named lifetimes `'_` (else `clippy::needless_lifetimes` falls silent).
fn generalize(ty: &mut Type) {
    let anonymous = |lifetime: &mut Lifetime| {
        if lifetime.ident != "static" {
            lifetime.ident = Ident::new("_", lifetime.span());
        }
    };
    match ty {
        Type::Reference(reference) => {
            reference.lifetime.iter_mut().for_each(anonymous);
            generalize(&mut reference.elem);
        }
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                // `Fn(&'a T)` would mean something else with an elided lifetime.
                let PathArguments::AngleBracketed(args) = &mut segment.arguments else { continue };
                for arg in &mut args.args {
                    match arg {
                        GenericArgument::Lifetime(lifetime) => anonymous(lifetime),
                        GenericArgument::Type(inner) => generalize(inner),
                        _ => {}
                    }
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(generalize),
        Type::Array(array) => generalize(&mut array.elem),
        Type::Slice(slice) => generalize(&mut slice.elem),
        Type::Paren(paren) => generalize(&mut paren.elem),
        Type::Group(group) => generalize(&mut group.elem),
        Type::Ptr(pointer) => generalize(&mut pointer.elem),
        _ if may_hide_impl(ty.to_token_stream()) => *ty = parse_quote!(_),
        Type::TraitObject(object) => {
            for bound in &mut object.bounds {
                if let TypeParamBound::Lifetime(lifetime) = bound {
                    anonymous(lifetime);
                }
            }
        }
        _ => {}
    }
}
