//! Puts the attribute on every function of a file, as text: no line moves, and not a byte of
//! the file changes otherwise.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Attribute, File, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemTrait, Macro,
    Signature, TraitItem, TraitItemFn,
};

const ATTRIBUTE: &str = "#[::memprobe::memprobe] ";

/// How many functions carry the attribute, and why the others do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Functions {
    pub sync: usize,
    pub asynchronous: usize,
    /// `const fn`.
    pub constant: usize,
    /// In the input or the rules of a macro, where no parser can tell what will be a function.
    pub in_macros: usize,
    /// The compiler wants them as they are: `#[naked]`, `#[proc_macro]`.
    pub special: usize,
}

impl Functions {
    pub fn annotated(&self) -> usize {
        self.sync + self.asynchronous
    }

    pub fn add(&mut self, other: &Functions) {
        self.sync += other.sync;
        self.asynchronous += other.asynchronous;
        self.constant += other.constant;
        self.in_macros += other.in_macros;
        self.special += other.special;
    }
}

/// What the attribute is put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// Each function that can carry it.
    #[default]
    Functions,
    /// Whole modules, impl blocks and traits, and what functions are outside of them.
    Blocks,
}

/// The source with the attribute.
pub fn annotate(source: &str, on: On) -> syn::Result<(String, Functions)> {
    let code = without_preamble(source);
    let mut places = Places { on, ..Places::default() };
    places.visit_file(&syn::parse_str::<File>(code)?);
    places.at.sort_unstable();
    let mut text = source[..source.len() - code.len()].to_owned();
    let mut done = 0;
    for &at in &places.at {
        text.push_str(&code[done..at]);
        text.push_str(ATTRIBUTE);
        done = at;
    }
    text.push_str(&code[done..]);
    Ok((text, places.functions))
}

/// A byte order mark and a `#!` line are not tokens.
fn without_preamble(source: &str) -> &str {
    let code = source.strip_prefix('\u{feff}').unwrap_or(source);
    match code.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => {
            code.find('\n').map_or("", |end| &code[end..])
        }
        _ => code,
    }
}

#[derive(Default)]
struct Places {
    /// Bytes from the start of the code.
    at: Vec<usize>,
    functions: Functions,
    on: On,
    /// In an annotated block, which annotates the functions in it by itself.
    covered: bool,
}

impl Places {
    /// `item` has no attributes.
    fn place(&mut self, item: &impl ToTokens) {
        let first = item.to_token_stream().into_iter().next();
        if let Some(first) = first.filter(|_| !self.covered) {
            self.at.push(first.span().byte_range().start);
        }
    }

    /// Puts the attribute on a block, and goes on into it.
    fn block(&mut self, item: &impl ToTokens, visit: impl FnOnce(&mut Places)) {
        self.place(item);
        self.inside(true, visit);
    }

    fn inside(&mut self, covered: bool, visit: impl FnOnce(&mut Places)) {
        let outer = std::mem::replace(&mut self.covered, covered);
        visit(self);
        self.covered = outer;
    }

    /// `item` is the function without its attributes.
    fn function(&mut self, attrs: &[Attribute], sig: &Signature, item: &impl ToTokens) {
        if sig.constness.is_some() {
            self.functions.constant += 1;
            return;
        }
        if attrs.iter().any(is_special) {
            self.functions.special += 1;
            return;
        }
        self.place(item);
        if sig.asyncness.is_some() {
            self.functions.asynchronous += 1;
        } else {
            self.functions.sync += 1;
        }
    }
}

fn is_special(attribute: &Attribute) -> bool {
    const SPECIAL: [&str; 5] =
        ["naked", "proc_macro", "proc_macro_attribute", "proc_macro_derive", "panic_handler"];
    let path = match &attribute.meta {
        // `#[unsafe(naked)]`
        syn::Meta::List(list) if list.path.is_ident("unsafe") => {
            return list.tokens.to_string() == "naked";
        }
        meta => meta.path(),
    };
    SPECIAL.iter().any(|special| path.is_ident(special))
}

impl<'ast> Visit<'ast> for Places {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.attrs, &item.sig, &ItemFn { attrs: Vec::new(), ..item.clone() });
        self.inside(false, |places| visit::visit_item_fn(places, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.attrs, &item.sig, &ImplItemFn { attrs: Vec::new(), ..item.clone() });
        self.inside(false, |places| visit::visit_impl_item_fn(places, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            let bare = TraitItemFn { attrs: Vec::new(), ..item.clone() };
            self.function(&item.attrs, &item.sig, &bare);
        }
        self.inside(false, |places| visit::visit_trait_item_fn(places, item));
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if self.on == On::Functions || !has_method(item) {
            return visit::visit_item_impl(self, item);
        }
        let bare = ItemImpl { attrs: Vec::new(), ..item.clone() };
        self.block(&bare, |places| visit::visit_item_impl(places, item));
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        if self.on == On::Functions || !has_provided_method(item) {
            return visit::visit_item_trait(self, item);
        }
        let bare = ItemTrait { attrs: Vec::new(), ..item.clone() };
        self.block(&bare, |places| visit::visit_item_trait(places, item));
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if self.on == On::Functions || !is_whole(item) || !has_function(item) {
            return visit::visit_item_mod(self, item);
        }
        let bare = ItemMod { attrs: Vec::new(), ..item.clone() };
        self.block(&bare, |places| visit::visit_item_mod(places, item));
    }

    /// Bodies stay as they are, also of constants.
    fn visit_expr(&mut self, expr: &'ast syn::Expr) {
        self.inside(false, |places| visit::visit_expr(places, expr));
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        // By a wide custom a macro `cfg_…!` puts a `#[cfg]` on the items in it, and no more.
        let name = mac.path.segments.last().map(|segment| segment.ident.to_string());
        if name.is_some_and(|name| name.starts_with("cfg_"))
            && let Ok(items) = syn::parse2::<File>(mac.tokens.clone())
        {
            self.inside(false, |places| places.visit_file(&items));
        } else {
            self.functions.in_macros += functions_in(mac.tokens.clone());
        }
    }
}

fn is_able(attrs: &[Attribute], sig: &Signature) -> bool {
    sig.constness.is_none() && !attrs.iter().any(is_special)
}

fn has_method(item: &ItemImpl) -> bool {
    item.items
        .iter()
        .any(|item| matches!(item, ImplItem::Fn(method) if is_able(&method.attrs, &method.sig)))
}

fn has_provided_method(item: &ItemTrait) -> bool {
    item.items.iter().any(|item| {
        matches!(item, TraitItem::Fn(method)
            if method.default.is_some() && is_able(&method.attrs, &method.sig))
    })
}

/// All of it is in its braces, and nothing in it is a macro with a path in the crate.
fn is_whole(item: &ItemMod) -> bool {
    let Some((_, items)) = &item.content else { return false };
    items.iter().all(|item| match item {
        Item::Mod(inner) => is_whole(inner),
        Item::Macro(inner) => !inner.attrs.iter().any(|attr| attr.path().is_ident("macro_export")),
        _ => true,
    })
}

fn has_function(item: &ItemMod) -> bool {
    item.content.iter().flat_map(|(_, items)| items).any(|item| match item {
        Item::Fn(function) => is_able(&function.attrs, &function.sig),
        Item::Impl(_) | Item::Trait(_) | Item::Mod(_) => true,
        _ => false,
    })
}

/// How often `fn name` or `fn $name` stands in the tokens.
fn functions_in(tokens: TokenStream) -> usize {
    let mut count = 0;
    let mut after_fn = false;
    for token in tokens {
        let is_name = match &token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == '$',
            _ => false,
        };
        count += usize::from(after_fn && is_name);
        after_fn = matches!(&token, TokenTree::Ident(word) if word == "fn");
        if let TokenTree::Group(group) = token {
            count += functions_in(group.stream());
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{Functions, On, annotate};

    #[test]
    fn the_attribute_stands_before_the_visibility_and_nothing_else_changes() {
        let source = "#!/usr/bin/env run\n//! größer\n/// doc\n#[inline]\npub(crate) async fn f() {}\n\
                      const fn c() {}\n\
                      trait T { fn none(); /** x */ fn some() { fn nested() {} } }\n\
                      impl T for u8 { default fn none() {} #[test] unsafe extern \"C\" fn g() {} }\n";
        let (text, functions) = annotate(source, On::Functions).unwrap();
        assert_eq!(text.replace("#[::memprobe::memprobe] ", ""), source);
        assert_eq!(
            functions,
            Functions { sync: 4, asynchronous: 1, constant: 1, ..Functions::default() }
        );
        assert!(text.contains("#[inline]\n#[::memprobe::memprobe] pub(crate) async fn f"));
        assert!(text.contains(
            "/** x */ #[::memprobe::memprobe] fn some() { #[::memprobe::memprobe] fn nested"
        ));
        assert!(text.contains("{ #[::memprobe::memprobe] default fn none"));
        assert!(text.contains("#[test] #[::memprobe::memprobe] unsafe extern"));
    }

    #[test]
    fn blocks_are_annotated_once_and_whole() {
        let source = "impl A { fn a() { fn nested() {} } const fn b() {} }\n\
                      impl B { const fn c() {} }\n\
                      trait C { fn d(); }\ntrait D { fn e() {} }\n\
                      #[cfg(test)] mod f { fn g() {} impl A { fn h() {} } }\n\
                      mod i { mod j; fn k() {} }\nfn l() {}\n";
        let (text, functions) = annotate(source, On::Blocks).unwrap();
        assert_eq!(functions, Functions { sync: 7, constant: 2, ..Functions::default() });
        let expected = "#[] impl A { fn a() { #[] fn nested() {} } const fn b() {} }\n\
                        impl B { const fn c() {} }\n\
                        trait C { fn d(); }\n#[] trait D { fn e() {} }\n\
                        #[cfg(test)] #[] mod f { fn g() {} impl A { fn h() {} } }\n\
                        mod i { mod j; #[] fn k() {} }\n#[] fn l() {}\n";
        assert_eq!(text.replace("::memprobe::memprobe", ""), expected);
    }

    #[test]
    fn functions_in_macros_are_counted_and_left_alone() {
        let source = "macro_rules! m { ($n:ident) => { fn $n() {} fn one(x: fn()) {} } }\n\
                      cfg_rt! { fn reached() {} }\n";
        let (text, functions) = annotate(source, On::Functions).unwrap();
        assert_eq!(functions, Functions { sync: 1, in_macros: 2, ..Functions::default() });
        assert!(text.contains("cfg_rt! { #[::memprobe::memprobe] fn reached"));
    }
}
