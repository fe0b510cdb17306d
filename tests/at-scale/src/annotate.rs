//! Puts the attribute on every function of a file, as text: no line moves, and not a byte of
//! the file changes otherwise.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, File, ImplItemFn, ItemFn, Macro, Signature, TraitItemFn};

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

/// The source with the attribute before each function that can carry it.
pub fn annotate(source: &str) -> syn::Result<(String, Functions)> {
    let code = without_preamble(source);
    let mut places = Places::default();
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
}

impl Places {
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
        let tokens = item.to_token_stream();
        let Some(first) = tokens.into_iter().next() else { return };
        self.at.push(first.span().byte_range().start);
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
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.attrs, &item.sig, &ImplItemFn { attrs: Vec::new(), ..item.clone() });
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            let bare = TraitItemFn { attrs: Vec::new(), ..item.clone() };
            self.function(&item.attrs, &item.sig, &bare);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        // By a wide custom a macro `cfg_…!` puts a `#[cfg]` on the items in it, and no more.
        let name = mac.path.segments.last().map(|segment| segment.ident.to_string());
        if name.is_some_and(|name| name.starts_with("cfg_"))
            && let Ok(items) = syn::parse2::<File>(mac.tokens.clone())
        {
            self.visit_file(&items);
        } else {
            self.functions.in_macros += functions_in(mac.tokens.clone());
        }
    }
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
    use super::{Functions, annotate};

    #[test]
    fn the_attribute_stands_before_the_visibility_and_nothing_else_changes() {
        let source = "#!/usr/bin/env run\n//! größer\n/// doc\n#[inline]\npub(crate) async fn f() {}\n\
                      const fn c() {}\n\
                      trait T { fn none(); /** x */ fn some() { fn nested() {} } }\n\
                      impl T for u8 { default fn none() {} #[test] unsafe extern \"C\" fn g() {} }\n";
        let (text, functions) = annotate(source).unwrap();
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
    fn functions_in_macros_are_counted_and_left_alone() {
        let source = "macro_rules! m { ($n:ident) => { fn $n() {} fn one(x: fn()) {} } }\n\
                      cfg_rt! { fn reached() {} }\n";
        let (text, functions) = annotate(source).unwrap();
        assert_eq!(functions, Functions { sync: 1, in_macros: 2, ..Functions::default() });
        assert!(text.contains("cfg_rt! { #[::memprobe::memprobe] fn reached"));
    }
}
