//! The plain version of a file: what is ours is blanked, so that every position stays.

use std::ops::Range;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// `text` without our attributes, our imports and our probes.
///
/// # Panics
///
/// If `text` is not made of tokens.
#[must_use]
pub fn blank(text: &str) -> String {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut plain = text.as_bytes().to_vec();
    walk(tokens, &mut |range, stand_in| {
        let room = &mut plain[range];
        room.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        // At both ends, for a comment has two.
        let (head, tail) = stand_in.split_at(stand_in.len() / 2);
        let end = room.len() - tail.len();
        room[..head.len()].copy_from_slice(head.as_bytes());
        room[end..].copy_from_slice(tail.as_bytes());
    });
    String::from_utf8(plain).expect("blanked at the edges of tokens")
}

fn walk(tokens: TokenStream, blank: &mut impl FnMut(Range<usize>, &str)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((length, stand_in)) = ours(&tokens, at) {
            let last = tokens[at + length - 1].span().byte_range().end;
            blank(tokens[at].span().byte_range().start..last, stand_in);
            at += length;
            continue;
        }
        if let TokenTree::Group(group) = &tokens[at] {
            walk(group.stream(), blank);
        }
        at += 1;
    }
}

/// How many of the tokens from `at` on are ours, and what stands in for them.
fn ours(tokens: &[TokenTree], at: usize) -> Option<(usize, &'static str)> {
    let rest = &tokens[at..];
    if is_punct(rest.first(), '#') {
        // Not spaces: an empty line between attributes would be linted.
        return group(rest.get(1), Delimiter::Bracket)
            .filter(|group| is_our_attribute(group))
            .map(|_| (2, "/**/"));
    }
    let path = rest.iter().take_while(|token| is_word(token) || is_punct(Some(token), ':')).count();
    let imports = is_ident(rest.first(), "use") || is_ident(rest.first(), "extern");
    if imports && rest[..path].iter().any(is_our_name) {
        return Some((rest.iter().position(|token| is_punct(Some(token), ';'))? + 1, ""));
    }
    if path == 0 || !is_ident(rest.get(path - 1), "probe") || !is_punct(rest.get(path), '!') {
        return None;
    }
    // A path of ours, and no keyword before it.
    let is_ours = path == 1 || rest[..path].iter().any(is_our_name);
    if !is_ours || rest[..path].windows(2).any(|pair| pair.iter().all(is_word)) {
        return None;
    }
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    if is_punct(before, ':') {
        return None;
    }
    let mut length = path + 2;
    let starts = before.is_none_or(|before| {
        let after_attribute = group(Some(before), Delimiter::Bracket).is_some();
        let after_block = group(Some(before), Delimiter::Brace).is_some();
        is_punct(Some(before), ';') || after_attribute || after_block
    });
    let ends = is_punct(rest.get(length), ';');
    length += usize::from(starts && ends);
    let is_statement = starts && (ends || rest.len() == length);
    Some((length, if is_statement { "" } else { "()" }))
}

/// `memprobe`, by whatever path and name, also in a `cfg_attr`.
fn is_our_attribute(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    if is_ident(tokens.first(), "cfg_attr") {
        return tokens.iter().any(|token| match token {
            TokenTree::Group(group) => group.stream().into_iter().any(|token| is_our_name(&token)),
            _ => false,
        });
    }
    let path = tokens.iter().take_while(|token| is_word(token) || is_punct(Some(token), ':'));
    path.last().is_some_and(is_our_name)
}

fn is_our_name(token: &TokenTree) -> bool {
    is_ident(Some(token), "memprobe") || is_ident(Some(token), "mp")
}

fn is_word(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(_))
}

fn is_ident(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn what_is_ours_is_blanked_and_nothing_moves() {
        let cases = [
            ("#[memprobe] fn f() {}", "/*       */ fn f() {}"),
            ("#[memprobe(name = \")]\")]\nfn f() {}", "/*                    */\nfn f() {}"),
            ("#[a::memprobe(\ncrate = a)] fn f() {}", "/*            \n         */ fn f() {}"),
            ("#[cfg_attr(x, memprobe)] fn", "/*                    */ fn"),
            ("#[other] fn memprobe() {}", "#[other] fn memprobe() {}"),
            ("#[doc = \"memprobe\"] fn f() {}", "#[doc = \"memprobe\"] fn f() {}"),
            ("use memprobe::memprobe; use x;", "                        use x;"),
            ("{ probe!(\"a\", n = f(1)); 2 }", "{                        2 }"),
            ("{ memprobe::probe!(\"a\") }", "{                       }"),
            ("let () = probe!(\"a\");", "let () = (         );"),
            ("|| ::memprobe::probe!(\"a\")", "|| (                     )"),
            ("my_probe!(\"a\"); x::probe!(1);", "my_probe!(\"a\"); x::probe!(1);"),
            ("\"#[memprobe]\"; // #[memprobe]", "\"#[memprobe]\"; // #[memprobe]"),
        ];
        for (text, plain) in cases {
            assert_eq!(blank(text), plain);
            assert_eq!(text.len(), plain.len());
        }
    }
}
