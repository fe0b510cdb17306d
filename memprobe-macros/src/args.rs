//! The arguments of the attribute: `name`, `level`, `target`, `rate`, `crate`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Path, Result, Token, parse_quote};

/// Each argument at most once, already checked.
#[derive(Default)]
pub struct Args {
    pub name: Option<LitStr>,
    pub level: Option<Ident>,
    pub target: Option<LitStr>,
    pub rate: Option<LitInt>,
    krate: Option<Path>,
}

const ACCEPTED: &str = "`name`, `level`, `target`, `rate`, `crate`";
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

impl Args {
    /// The path under which the runtime is reached.
    pub fn krate(&self) -> Path {
        self.krate.clone().unwrap_or_else(|| parse_quote!(::memprobe))
    }

    /// The same path as if it stood in the user's code at `span`.
    pub fn krate_at(&self, span: Span) -> TokenStream {
        let Some(path) = &self.krate else { return quote_spanned!(span=> ::memprobe) };
        let at = |mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        };
        path.to_token_stream().into_iter().map(at).collect()
    }

    /// `tracing`'s constant for the level that was asked for, `INFO` by default.
    pub fn level(&self) -> Ident {
        self.level.clone().unwrap_or_else(|| Ident::new("INFO", Span::call_site()))
    }

    /// Calls written a second; `10` by default, `0` for no limit.
    pub fn rate(&self) -> TokenStream {
        self.rate.as_ref().map_or_else(|| quote!(10), |rate| quote!(#rate))
    }
}

impl Parse for Args {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut args = Args::default();
        let mut errors: Option<Error> = None;
        while !input.is_empty() {
            match args.one(input) {
                Ok(()) => {}
                Err(error) => {
                    match &mut errors {
                        Some(all) => all.combine(error),
                        none => *none = Some(error),
                    }
                    skip_to_comma(input)?;
                }
            }
            if input.is_empty() {
                break;
            }
            if let Err(error) = input.parse::<Token![,]>() {
                match &mut errors {
                    Some(all) => all.combine(error),
                    none => *none = Some(error),
                }
                skip_to_comma(input)?;
                input.parse::<Option<Token![,]>>()?;
            }
        }
        errors.map_or(Ok(args), Err)
    }
}

/// Goes on behind a mistake, so that each argument reports its own.
fn skip_to_comma(input: ParseStream) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

impl Args {
    fn one(&mut self, input: ParseStream) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected one of {ACCEPTED}, as in `name = \"…\"`")));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => {
                let name = text(input, &key)?;
                set(&mut self.name, name, &key)
            }
            "target" => {
                let target = text(input, &key)?;
                set(&mut self.target, target, &key)
            }
            "level" => {
                let level = text(input, &key)?;
                let word = level.value().to_ascii_lowercase();
                if !LEVELS.contains(&word.as_str()) {
                    let message =
                        "expected one of \"trace\", \"debug\", \"info\", \"warn\", \"error\"";
                    return Err(Error::new(level.span(), message));
                }
                set(&mut self.level, Ident::new(&word.to_ascii_uppercase(), level.span()), &key)
            }
            "rate" => {
                equals(
                    input,
                    &key,
                    "a number of calls a second, as in `rate = 10`; 0 is no limit",
                )?;
                let rate: LitInt = input.parse()?;
                rate.base10_parse::<u32>().map_err(|_| {
                    Error::new(
                        rate.span(),
                        "expected a whole number of calls a second; 0 is no limit",
                    )
                })?;
                if !rate.suffix().is_empty() {
                    return Err(Error::new(rate.span(), "expected a number without a suffix"));
                }
                set(&mut self.rate, rate, &key)
            }
            "crate" => {
                equals(input, &key, "the path of memprobe, as in `crate = my_facade::memprobe`")?;
                let path = if input.peek(LitStr) {
                    input.parse::<LitStr>()?.parse::<Path>()?
                } else {
                    input.call(Path::parse_mod_style)?
                };
                set(&mut self.krate, path, &key)
            }
            _ => Err(Error::new(
                key.span(),
                format!("unknown argument `{key}`: expected one of {ACCEPTED}"),
            )),
        }
    }
}

fn equals(input: ParseStream, key: &Ident, what: &str) -> Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    Err(Error::new(key.span(), format!("`{key}` needs {what}")))
}

fn text(input: ParseStream, key: &Ident) -> Result<LitStr> {
    equals(input, key, &format!("a string, as in `{key} = \"…\"`"))?;
    if !input.peek(LitStr) {
        return Err(input.error(format!("expected a string, as in `{key} = \"…\"`")));
    }
    let text: LitStr = input.parse()?;
    if text.value().is_empty() {
        return Err(Error::new(text.span(), format!("`{key}` must not be empty")));
    }
    Ok(text)
}

fn set<T>(slot: &mut Option<T>, value: T, key: &Ident) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    *slot = Some(value);
    Ok(())
}
