//! The arguments of the attribute: `name`, `level`, `target`, `rate`, `above`, `crate`, or `skip`.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Lit, LitStr, Path, Result, Token, parse_quote};

use crate::list;
use crate::size;

/// The arguments, already checked, each given at most once.
#[derive(Default)]
pub struct Args {
    pub name: Option<LitStr>,
    pub level: Option<Ident>,
    pub target: Option<LitStr>,
    /// Calls that are written a second; 0 for no limit.
    pub rate: Option<Literal>,
    /// Bytes; calls that peak above are always written.
    pub above: Option<Literal>,
    krate: Option<Path>,
    /// The function is left out of the block in which it stands.
    pub skip: Option<Ident>,
    /// A block has put the attribute there, and not the user.
    pub is_inherited: bool,
}

/// The argument by which a block marks the attributes that it writes.
pub const INHERITED: &str = "__inherited";

const ACCEPTED: &str = "`name`, `level`, `target`, `rate`, `above`, `crate`, or `skip`";
const SKIP: &str = "`skip` stands alone, and leaves a function out of the annotated block around \
                    it; arguments of functions are never recorded";
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
const RATE: &str = "a number of calls a second from 0.000001 to 1000000000, as in `rate = 10`, or \
                    `rate = 0.1` for one every ten seconds; 0 is no limit";
const ABOVE: &str = "a size, as in `above = \"64 MiB\"`: a number with `B`, `KiB`, `MiB`, `GiB`, \
                     `kB`, `MB` or `GB`";
const CRATE: &str = "the path of memprobe, as in `crate = my_facade::memprobe`";

impl Args {
    /// Returns the path of memprobe in the user's crate.
    pub fn krate(&self) -> Path {
        self.krate.clone().unwrap_or_else(|| parse_quote!(::memprobe))
    }

    /// Returns the path of memprobe as if it stood in the user's code at `span`.
    pub fn krate_at(&self, span: Span) -> TokenStream {
        let Some(path) = &self.krate else { return quote_spanned!(span=> ::memprobe) };
        let at = |mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        };
        path.to_token_stream().into_iter().map(at).collect()
    }

    /// Returns the name of `tracing`'s constant for the chosen level, `INFO` by default.
    pub fn level(&self) -> Ident {
        self.level.clone().unwrap_or_else(|| Ident::new("INFO", Span::call_site()))
    }

    /// Takes over the arguments of the block around the item that it does not have itself.
    pub fn inherit(self, block: Args) -> Args {
        Args {
            level: self.level.or(block.level),
            target: self.target.or(block.target),
            rate: self.rate.or(block.rate),
            above: self.above.or(block.above),
            krate: self.krate.or(block.krate),
            ..self
        }
    }

    /// Returns the arguments for the items in a block, as they are written.
    pub fn for_members(&self) -> TokenStream {
        let mark = Ident::new(INHERITED, Span::call_site());
        let level = self.level.as_ref().map(|level| {
            let level = LitStr::new(&level.to_string(), level.span());
            quote!(, level = #level)
        });
        let target = self.target.as_ref().map(|target| quote!(, target = #target));
        let rate = self.rate.as_ref().map(|rate| quote!(, rate = #rate));
        let above = self.above.as_ref().map(|above| quote!(, above = #above));
        let krate = self.krate.as_ref().map(|krate| quote!(, crate = #krate));
        quote!(#mark #level #target #rate #above #krate)
    }
}

impl Parse for Args {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut args = Args::default();
        let mut given = 0;
        list::each(input, |input| {
            given += 1;
            args.one(input)
        })?;
        match &args.skip {
            Some(skip) if given > 1 => Err(Error::new(skip.span(), SKIP)),
            _ => Ok(args),
        }
    }
}

impl Args {
    fn one(&mut self, input: ParseStream) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            let message = format!("expected one of {ACCEPTED}, as in `name = \"…\"`");
            return Err(Error::new(input.span(), message));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => {
                let name = text(input, &key, "a string, as in `name = \"…\"`")?;
                set(&mut self.name, name, &key)
            }
            "target" => {
                let target = text(input, &key, "a string, as in `target = \"…\"`")?;
                set(&mut self.target, target, &key)
            }
            "level" => {
                let level = text(input, &key, "a string, as in `level = \"debug\"`")?;
                let word = level.value().to_ascii_lowercase();
                if !LEVELS.contains(&word.as_str()) {
                    let message =
                        "expected one of \"trace\", \"debug\", \"info\", \"warn\", \"error\"";
                    return Err(Error::new(level.span(), message));
                }
                set(&mut self.level, Ident::new(&word.to_ascii_uppercase(), level.span()), &key)
            }
            "rate" => {
                let number: Lit = value(input, &key, RATE)?;
                let wrong = || Error::new(number.span(), format!("`rate` needs {RATE}"));
                set(&mut self.rate, rate(&number).ok_or_else(wrong)?, &key)
            }
            "above" => {
                let size: Lit = value(input, &key, ABOVE)?;
                let wrong = || Error::new(size.span(), format!("`above` needs {ABOVE}"));
                set(&mut self.above, bytes(&size).ok_or_else(wrong)?, &key)
            }
            "crate" => {
                let ModPath(path) = value(input, &key, CRATE)?;
                set(&mut self.krate, path, &key)
            }
            "skip" if !list::is_missing(input) => Err(Error::new(key.span(), SKIP)),
            "skip" => set(&mut self.skip, key.clone(), &key),
            INHERITED => {
                self.is_inherited = true;
                Ok(())
            }
            _ => Err(Error::new(
                key.span(),
                format!("unknown argument `{key}`: expected one of {ACCEPTED}"),
            )),
        }
    }
}

/// Parses the value after `key =`. If that fails, the error says that `key` needs `what`.
fn value<T: Parse>(input: ParseStream, key: &Ident, what: &str) -> Result<T> {
    let message = format!("`{key}` needs {what}");
    if input.parse::<Option<Token![=]>>()?.is_none() || list::is_missing(input) {
        return Err(Error::new(key.span(), message));
    }
    let span = input.span();
    input.parse().map_err(|_| Error::new(span, message))
}

/// Returns a number of calls a second as the `f64` that the runtime takes; `None` if it is not
/// accepted.
fn rate(number: &Lit) -> Option<Literal> {
    let (digits, suffix) = match number {
        Lit::Int(number) => (number.base10_digits(), number.suffix()),
        Lit::Float(number) => (number.base10_digits(), number.suffix()),
        _ => return None,
    };
    let rate: f64 = digits.parse().ok()?;
    let is_taken = suffix.is_empty() && (rate == 0.0 || (1e-6..=1e9).contains(&rate));
    is_taken.then(|| Literal::f64_unsuffixed(rate))
}

/// Returns a size in bytes as the `u64` that the runtime takes; `None` if it is not accepted.
fn bytes(size: &Lit) -> Option<Literal> {
    let bytes = match size {
        // A block passes its bound on as a number of bytes.
        Lit::Int(number) if number.suffix() == "u64" => number.base10_parse().ok()?,
        Lit::Str(text) => size::bytes(&text.value())?,
        _ => return None,
    };
    Some(Literal::u64_suffixed(bytes))
}

fn text(input: ParseStream, key: &Ident, what: &str) -> Result<LitStr> {
    let text: LitStr = value(input, key, what)?;
    if text.value().is_empty() {
        return Err(Error::new(text.span(), format!("`{key}` must not be empty")));
    }
    Ok(text)
}

/// A path such as `a::b`, with or without quotes.
struct ModPath(Path);

impl Parse for ModPath {
    fn parse(input: ParseStream) -> Result<Self> {
        if input.peek(LitStr) {
            return input.parse::<LitStr>()?.parse_with(Path::parse_mod_style).map(ModPath);
        }
        input.call(Path::parse_mod_style).map(ModPath)
    }
}

fn set<T>(slot: &mut Option<T>, value: T, key: &Ident) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    *slot = Some(value);
    Ok(())
}
