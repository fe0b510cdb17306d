//! Finds the items in a block of code by their tokens alone. No body is read, so that it may hold
//! syntax of any version, and half-written code is left to rustc.

use proc_macro2::{Delimiter, Group, Span, TokenTree};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Function,
    Impl,
    Trait,
    Module,
    /// The invisible group in which a `macro_rules!` passes a whole item.
    Passed,
    Other,
}

/// One item.
#[derive(Debug)]
pub struct Item<'a> {
    pub kind: Kind,
    /// Its attributes. Before the first item of a block also the inner ones of the block.
    pub attrs: &'a [TokenTree],
    /// All of it behind the attributes, up to its body or its semicolon.
    pub rest: &'a [TokenTree],
    /// The place of `fn`, `impl` and the like.
    pub keyword: Span,
    pub has_body: bool,
    /// Its code may run at compile time.
    pub is_const: bool,
    is_gen: bool,
}

/// Words that may stand before `fn`, `impl`, `trait` or `extern`.
const QUALIFIERS: [&str; 9] =
    ["async", "auto", "const", "default", "extern", "final", "gen", "safe", "unsafe"];

/// Attributes of functions that the compiler wants as they are.
const SPECIAL: [&str; 4] = ["alloc_error_handler", "naked", "panic_handler", "unsafe(naked)"];

impl<'a> Item<'a> {
    /// Splits the first item off the tokens, and returns it with those that follow.
    pub fn first(tokens: &'a [TokenTree]) -> (Item<'a>, &'a [TokenTree]) {
        let (attrs, tokens) = tokens.split_at(attributes(tokens));
        let mut at = visibility(tokens);
        let mut qualifiers = Vec::new();
        while let Some(word) = word(tokens, at).filter(|word| QUALIFIERS.contains(&word.as_str())) {
            at += 1;
            let is_abi = word == "extern" && (is_literal(tokens, at) || is_invisible(tokens, at));
            at += usize::from(is_abi);
            qualifiers.push(word);
        }
        let has = |qualifier: &str| qualifiers.iter().any(|word| word == qualifier);
        let keyword = word(tokens, at);
        let kind = match keyword.as_deref() {
            Some("fn") => Kind::Function,
            Some("impl") => Kind::Impl,
            Some("trait") => Kind::Trait,
            Some("mod") => Kind::Module,
            _ if at == 0 && is_invisible(tokens, at) => Kind::Passed,
            _ => Kind::Other,
        };
        let ends_in_semicolon = matches!(keyword.as_deref(), Some("use" | "static" | "type"))
            || kind == Kind::Other && has("const");
        let (end, has_body) = match kind {
            Kind::Passed => (1, false),
            _ if ends_in_semicolon => (semicolon(tokens), false),
            _ => body(tokens, at, kind),
        };
        let (rest, left) = tokens.split_at(end);
        let item = Item {
            kind,
            attrs,
            rest,
            keyword: tokens.get(at).map_or_else(Span::call_site, TokenTree::span),
            has_body,
            is_const: has("const") || kind == Kind::Impl && is_const_impl(&rest[at..]),
            is_gen: has("gen"),
        };
        (item, left)
    }

    /// Returns true if the attribute is of use on it.
    pub fn can_carry(&self) -> bool {
        match self.kind {
            Kind::Function => {
                self.has_body
                    && !self.is_const
                    && !self.is_gen
                    && !self.attrs.iter().any(is_special)
            }
            Kind::Impl | Kind::Trait | Kind::Module => self.has_body && !self.is_const,
            Kind::Passed | Kind::Other => false,
        }
    }
}

/// Returns how many tokens are attributes, also inner ones, at the start.
pub fn attributes(tokens: &[TokenTree]) -> usize {
    let mut end = 0;
    while is_punct(tokens.get(end), '#') {
        let bracket = end + 1 + usize::from(is_punct(tokens.get(end + 1), '!'));
        if !is_group(tokens.get(bracket), Delimiter::Bracket) {
            break;
        }
        end = bracket + 1;
    }
    end
}

/// Returns how many tokens are a visibility, which `macro_rules!` pass in an invisible group.
fn visibility(tokens: &[TokenTree]) -> usize {
    match tokens.first() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::None => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            usize::from(visibility(&inside) == inside.len())
        }
        Some(TokenTree::Ident(word)) if word == "pub" => {
            1 + usize::from(is_group(tokens.get(1), Delimiter::Parenthesis))
        }
        _ => 0,
    }
}

/// Returns where the item ends whose keyword is at `at`, and whether it ends with a body: braces
/// that are neither an argument of a type, as in `Foo<{ N + 1 }>`, nor a macro that makes a type.
fn body(tokens: &[TokenTree], at: usize, kind: Kind) -> (usize, bool) {
    let mut depth = 0_usize;
    for (end, token) in tokens.iter().enumerate().skip(at) {
        let before = |back: usize| end.checked_sub(back).and_then(|before| tokens.get(before));
        match token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => return (end + 1, false),
                '<' => depth += 1,
                '>' if !is_punct(before(1), '-') => depth = depth.saturating_sub(1),
                _ => {}
            },
            TokenTree::Group(group) if depth == 0 && is_block(group) => {
                let is_macro =
                    is_punct(before(1), '!') && matches!(before(2), Some(TokenTree::Ident(_)));
                if kind == Kind::Other || !is_macro {
                    return (end + 1, true);
                }
            }
            _ => {}
        }
    }
    (tokens.len(), false)
}

fn semicolon(tokens: &[TokenTree]) -> usize {
    let at = tokens.iter().position(|token| is_punct(Some(token), ';'));
    at.map_or(tokens.len(), |at| at + 1)
}

/// Returns true for braces, also if a `macro_rules!` passes them as a `$block`.
fn is_block(group: &Group) -> bool {
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => {
            let mut inside = group.stream().into_iter();
            let is_brace = is_group(inside.next().as_ref(), Delimiter::Brace);
            is_brace && inside.next().is_none()
        }
        _ => false,
    }
}

/// Returns true for the head of `impl<T> const Trait for T`; `*const T` is none.
fn is_const_impl(head: &[TokenTree]) -> bool {
    let mut depth = 0_usize;
    for (at, token) in head.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| head.get(before));
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !is_punct(before, '-') => {
                depth = depth.saturating_sub(1);
            }
            TokenTree::Ident(word) if depth == 0 && word == "where" => return false,
            TokenTree::Ident(word) if depth == 0 && word == "const" && !is_punct(before, '*') => {
                return true;
            }
            _ => {}
        }
    }
    false
}

fn is_special(attr: &TokenTree) -> bool {
    let TokenTree::Group(attr) = attr else { return false };
    let text: String = attr.stream().to_string().split_whitespace().collect();
    SPECIAL.contains(&text.as_str())
}

fn word(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

fn is_literal(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Literal(_)))
}

fn is_invisible(tokens: &[TokenTree], at: usize) -> bool {
    is_group(tokens.get(at), Delimiter::None)
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

#[cfg(test)]
mod tests {
    use proc_macro2::{TokenStream, TokenTree};

    use super::{Item, Kind};

    /// The items of a text: kind, whether the attribute is of use, and the text.
    fn items(text: &str) -> Vec<(Kind, bool, String)> {
        let tokens: Vec<TokenTree> = text.parse::<TokenStream>().unwrap().into_iter().collect();
        let mut left = &tokens[..];
        let mut items = Vec::new();
        while !left.is_empty() {
            let (item, rest) = Item::first(left);
            let text = item.rest.iter().cloned().collect::<TokenStream>().to_string();
            items.push((item.kind, item.can_carry(), text));
            left = rest;
        }
        items
    }

    #[test]
    fn each_item_is_seen_as_what_it_is_and_whole() {
        use Kind::{Function, Impl, Module, Other, Trait};
        let cases = [
            (Function, true, "fn f() {}"),
            (Function, true, "pub(in a::b) async unsafe extern \"C\" fn f() -> ! {}"),
            (
                Function,
                true,
                "default fn f<const N: usize>() -> A<{ N + 1 }> where [(); { 1 }]: B {}",
            ),
            (Function, true, "fn f(x: fn() -> A<{ 1 }>) -> <A<{ 2 }> as B>::C {}"),
            (Function, true, "fn f() -> m! { x } {}"),
            (Function, false, "fn f(&self) -> A<{ 1 }>;"),
            (Function, false, "pub const unsafe fn f() {}"),
            (Function, false, "gen fn f() {}"),
            (Other, false, "const X: A<{ 1 }> = if A { 1 } else { 2 };"),
            (Other, false, "const default: u8 = { 1 };"),
            (Other, false, "static mut X: u8 = { 1 };"),
            (Other, false, "type A<T> = B<{ 1 }> where T: C;"),
            (Other, false, "use a::{b, c};"),
            (Other, false, "extern crate a;"),
            (Other, false, "unsafe extern \"C\" { fn f(); }"),
            (Other, false, "struct A<const N: usize = { 1 }>;"),
            (Other, false, "pub struct A<T>(pub(crate) T) where T: B;"),
            (Other, false, "struct A where B<{ 1 }>: C { x: u8 }"),
            (Other, false, "union! { fn f() {} }"),
            (Other, false, "a::m!(fn f() {});"),
            (Other, false, "macro_rules! m { () => { fn f() {} } }"),
            (Impl, true, "impl<T> A<{ N + 1 }> for *const T where T: const B {}"),
            (Impl, true, "unsafe impl !A for B {}"),
            (Impl, false, "impl<T> const A for T {}"),
            (Trait, true, "pub unsafe auto trait A {}"),
            (Trait, false, "const trait A {}"),
            (Trait, false, "trait A = B<{ 1 }>;"),
            (Module, true, "pub mod a {}"),
            (Module, false, "mod a;"),
        ];
        let text: Vec<&str> = cases.iter().map(|case| case.2).collect();
        let found = items(&text.join("\n#[a(b)] /// c\n"));
        let tidy = |text: &str| text.parse::<TokenStream>().unwrap().to_string();
        let expected: Vec<_> = cases.iter().map(|case| (case.0, case.1, tidy(case.2))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_compiler_wants_as_it_is_carries_nothing() {
        let found =
            items("#![inner] #[unsafe(naked)] fn f() {} #[panic_handler] fn g() {} fn h() {}");
        let carry: Vec<bool> = found.iter().map(|item| item.1).collect();
        assert_eq!(carry, [false, false, true]);
    }

    #[test]
    fn half_written_items_come_to_an_end() {
        for text in
            ["pub", "fn", "fn f() ->", "#[a]", "impl<", "> x", "const", "# !", "pub fn f", ";"]
        {
            assert!(!items(text).iter().any(|item| item.1), "{text}");
        }
    }
}
