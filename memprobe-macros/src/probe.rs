//! `probe!("label", field = value, shown = %value, debugged = ?value)`.

use proc_macro2::{Delimiter, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token};

use crate::list;
use crate::parse::group;

/// The names memprobe writes itself.
const TAKEN: [&str; 31] = [
    "message",
    "memprobe",
    "function",
    "from",
    "label",
    "call_id",
    "parent_id",
    "uptime_us",
    "peak",
    "net",
    "held",
    "allocated",
    "freed",
    "rss",
    "cgroup",
    "limit",
    "jemalloc_allocated",
    "jemalloc_active",
    "jemalloc_resident",
    "jemalloc_metadata",
    "skipped",
    "outcome",
    "duration_us",
    "call_peak",
    "call_peak_from",
    "call_peak_label",
    "call_net",
    "call_allocated",
    "call_freed",
    "rss_max",
    "cold",
];

struct Probe {
    krate: Path,
    label: LitStr,
    fields: Vec<Field>,
}

struct Field {
    name: Ident,
    /// How `tracing` is to show it: as a value, by `Debug` (`?`) or by `Display` (`%`).
    sigil: Sigil,
    value: Expr,
}

enum Sigil {
    Value,
    Debug,
    Display,
}

impl Parse for Probe {
    fn parse(input: ParseStream) -> Result<Self> {
        let krate = input.call(Path::parse_mod_style)?;
        input.parse::<Token![;]>()?;
        if !input.peek(LitStr) {
            let message = "expected a label in quotes, as in `probe!(\"decoded\")`";
            return Err(Error::new(input.span(), message));
        }
        let label: LitStr = input.parse()?;
        if label.value().is_empty() {
            return Err(Error::new(label.span(), "a label must not be empty"));
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let mut fields: Vec<Field> = Vec::new();
        list::each(input, |input| {
            let field = Field::parse(input)?;
            if fields.iter().any(|other| other.name == field.name) {
                let message = format!("field `{}` is given twice", field.name);
                return Err(Error::new(field.name.span(), message));
            }
            fields.push(field);
            Ok(())
        })?;
        Ok(Probe { krate, label, fields })
    }
}

impl Parse for Field {
    fn parse(input: ParseStream) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(Error::new(input.span(), "expected a field, as in `rows = rows.len()`"));
        }
        let name = input.call(Ident::parse_any)?;
        if TAKEN.contains(&name.unraw().to_string().as_str()) {
            let message =
                format!("`{name}` is a field that memprobe writes itself: choose another name");
            return Err(Error::new(name.span(), message));
        }
        let no_value = || {
            let message = format!("`{name}` needs a value, as in `{name} = {name}`");
            Error::new(name.span(), message)
        };
        if list::is_missing(input) {
            return Err(no_value());
        }
        input.parse::<Token![=]>()?;
        let sigil = if input.parse::<Option<Token![?]>>()?.is_some() {
            Sigil::Debug
        } else if input.parse::<Option<Token![%]>>()?.is_some() {
            Sigil::Display
        } else {
            Sigil::Value
        };
        let is_missing = list::is_missing(input);
        let value = input.parse().map_err(|error| {
            let ends = is_missing || input.is_empty();
            if ends { no_value() } else { error }
        })?;
        Ok(Field { name, sigil, value })
    }
}

pub fn expand(input: TokenStream) -> TokenStream {
    let Probe { krate, label, fields } = match syn::parse2(input) {
        Ok(probe) => probe,
        Err(error) => return error.into_compile_error(),
    };
    let names = fields.iter().map(|field| field.name.unraw().to_string());
    let values = fields.iter().map(|Field { sigil, value, .. }| {
        // Errors point at the value.
        let value = quote_spanned!(value.span()=> &(#value));
        match sigil {
            Sigil::Value => quote!(#krate::__private::value(#value)),
            Sigil::Debug => quote!(&::core::format_args!("{:?}", #value)),
            Sigil::Display => quote!(&::core::format_args!("{}", #value)),
        }
    });
    let point = quote!(#krate::__private::probe_point!(#label, [#(#names),*]));
    let written = if fields.is_empty() {
        quote!(#krate::__private::probe(#point);)
    } else {
        // Not a name that a static of the user's may have: a pattern cannot shadow that.
        let event = Ident::new("__memprobe_event", Span::mixed_site());
        quote! {
            if let ::core::option::Option::Some(#event) = #krate::__private::probe_with(#point) {
                #event.write(&[#(::core::option::Option::Some(#values)),*]);
            }
        }
    };
    // A block that stands at the label: where only items may stand rustc points there, and
    // says that a macro of this kind cannot.
    let span = Span::call_site().located_at(label.span());
    group(Delimiter::Brace, written, span).into_token_stream()
}
