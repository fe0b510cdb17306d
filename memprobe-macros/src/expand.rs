//! The expansions of the attribute, which put code around the user's body and change nothing else.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    GenericArgument, Lifetime, Path, PathArguments, Result, ReturnType, Type, TypeParamBound,
    parse_quote,
};

use crate::args::Args;
use crate::block::{Block, take_inherited};
use crate::parse::{Function, group, is_expression};

/// Expands the attribute. A mistake gives its error next to the untouched item, so that code that
/// uses the item gets no errors as well.
pub fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let args = syn::parse2::<Args>(args);
    let (item, inherited) = take_inherited(item);
    if matches!(&args, Ok(args) if args.skip.is_some()) {
        return item;
    }
    let inherit = |args: Args| match inherited {
        Some(inherited) => syn::parse2(inherited).map(|block| args.inherit(block)),
        None => Ok(args),
    };
    let error = match (args.and_then(inherit), Target::parse(&item)) {
        // A block passes over what cannot carry it, and rustc says what is half written.
        (Ok(args), Err(_)) if args.is_inherited => return item,
        (Ok(args), Ok(target)) => match target.annotate(&args) {
            Ok(annotated) => return annotated,
            Err(error) => error,
        },
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

/// What the attribute stands on.
enum Target {
    Function(Box<Function>),
    Block(Block),
}

impl Target {
    fn parse(item: &TokenStream) -> Result<Self> {
        match Block::parse(item) {
            Some(block) => block.map(Target::Block),
            None => Function::parse(item.clone()).map(Box::new).map(Target::Function),
        }
    }

    fn annotate(&self, args: &Args) -> Result<TokenStream> {
        match self {
            Target::Function(function) => Ok(annotate(args, function)),
            Target::Block(block) => block.annotate(args),
        }
    }
}

fn annotate(args: &Args, function: &Function) -> TokenStream {
    let body = if function.sig.asyncness.is_some() {
        asynchronous(args, function)
    } else {
        returned_future(args, function).unwrap_or_else(|| synchronous(args, function))
    };
    function.with_body(&body)
}

/// Returns the static that describes the function and holds its totals, in a block of its own so
/// that the user's body cannot name it.
fn site(args: &Args) -> TokenStream {
    let krate = args.krate();
    let level = args.level();
    let rate = args.rate.as_ref().map(|rate| quote!(rate: #rate,));
    let above = args.above.as_ref().map(|above| quote!(above: #above,));
    let name = args.name.as_ref().map(|name| quote!(name: #name,));
    let target = args.target.as_ref().map(|target| quote!(target: #target,));
    quote!(#krate::__private::site!(#level, #rate #above #name #target))
}

/// ```text
/// Input:  fn f(..) -> T { BODY }
/// Output: fn f(..) -> T {
///             let entered = enter({ static SITE: Site = ..; &SITE });
///             match () { () => { BODY } }
///         }
/// ```
/// The arm is a temporary scope in every edition, so that the exit comes after the temporaries of
/// the tail are dropped.
fn synchronous(args: &Args, function: &Function) -> TokenStream {
    let krate = args.krate();
    let site = site(args);
    // An unlikely name, because a pattern would refer to a constant of the user's with that name.
    let entered = Ident::new("__memprobe_entered", Span::mixed_site());
    let body = &function.body;
    // rustc deduces a closure's signature from `impl Fn…` only if the body is the tail.
    let tail = if may_hide_impl(function.sig.output.to_token_stream()) {
        // Any attribute keeps `unused_braces` from firing on the block. The lint that this one
        // allows cannot occur in a body.
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
///                 () => instrument_future({ static SITE: Site = ..; &SITE }, async move {
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
    // The output may be a future itself, as the return type says.
    let allow = may_be_future(output).then(|| quote!(#[allow(clippy::async_yields_async)]));
    let instrumented = quote! {
        match () { #allow () => #krate::__private::instrument_future(#site, #future).await }
    };
    if is_never { quote!(match #instrumented {}) } else { quote!(return #instrumented) }
}

/// Returns a statement that pins the return type of the `async` block that it stands in.
fn hint(krate: &Path, ty: &Type) -> TokenStream {
    let mut ty = ty.clone();
    generalize(&mut ty);
    // There is no value for `()`, because a lint would call it needless.
    let value = (!is_unit(&ty)).then(|| quote!(#krate::__private::hint::<#ty>()));
    quote!(if false { return #value; })
}

/// Makes a block the arm of a `match`, which is a scope for temporaries. The `match` has the span
/// of the block's end, as if the user had written it; otherwise lints of the tail would point at
/// the attribute.
fn scoped(block: &Group) -> TokenStream {
    quote_spanned!(block.span_close()=> match () { () => #block })
}

/// ```text
/// Input:  fn f(..) -> impl Future { STATEMENTS async move { BODY } }
/// Output: fn f(..) -> impl Future { STATEMENTS instrument_future(&SITE, async move { BODY }) }
/// ```
/// The block may also stand in `Box::pin(…)`, which is what `#[async_trait]` writes. Returns `None`
/// for any other tail: the function is then a plain one that builds a future.
fn returned_future(args: &Args, function: &Function) -> Option<TokenStream> {
    let ReturnType::Type(..) = &function.sig.output else { return None };
    let mut tokens: Vec<TokenTree> = function.body.stream().into_iter().collect();
    let site = site(args);
    // The call has the span of the `async` block, as if the user had written it.
    let instrumented = |block: &[TokenTree]| {
        let [first, .., last] = block else { return None };
        let krate = args.krate_at(first.span());
        let path = quote_spanned!(first.span()=> #krate::__private::instrument_future);
        let arguments = group(Delimiter::Parenthesis, quote!(#site, #(#block)*), last.span());
        Some(quote!(#path #arguments))
    };
    if let Some(start) = async_block(&tokens).filter(|&start| starts_statement(&tokens, start)) {
        let future = instrumented(&tokens[start..])?;
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
    let pinned = group(Delimiter::Parenthesis, instrumented(&argument)?, call.span());
    tokens.pop();
    Some(quote!(#(#tokens)* #pinned))
}

/// Returns where the `async [move] { … }` at the end of these tokens begins.
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

/// Returns where the path at the end of these tokens begins, if it is `Box::pin` with any prefix.
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

/// Names of common types that are not futures.
const COMMON: [&str; 20] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
    "u64", "u128", "usize", "String", "Option", "Result", "Vec",
];

/// Returns true unless the type is known not to be a future.
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

/// Returns true if a type contains `impl …`, or a macro that may expand to it.
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
/// become `_`, named lifetimes `'_` (otherwise `clippy::needless_lifetimes` would not fire).
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
