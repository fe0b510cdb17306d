//! Expands `probe!("label", field = value, variable)`. It takes the fields that `tracing` takes,
//! also with `?` (by `Debug`) or `%` (by `Display`), if their names are single words.

mod field;
mod mistake;
mod reserved;

use proc_macro2::{Delimiter, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Ident, LitStr, Path, Result, Token};

use self::field::{Field, Sigil};
use crate::list;
use crate::parse::group;

struct Probe {
    krate: Path,
    label: LitStr,
    fields: Vec<Field>,
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
            if fields.iter().any(|other| other.name.unraw() == field.name.unraw()) {
                let message = format!("field `{}` is given twice", field.name);
                return Err(Error::new(field.name.span(), message));
            }
            fields.push(field);
            Ok(())
        })?;
        Ok(Probe { krate, label, fields })
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
            Sigil::Debug(_) => quote!(&::core::format_args!("{:?}", #value)),
            Sigil::Display(_) => quote!(&::core::format_args!("{}", #value)),
        }
    });
    let point = quote!(#krate::__private::probe_point!(#label, [#(#names),*]));
    let written = if fields.is_empty() {
        quote!(#krate::__private::probe(#point);)
    } else {
        // An unlikely name, because a pattern cannot shadow a static of the user's with that name.
        let event = Ident::new("__memprobe_event", Span::mixed_site());
        quote! {
            if let ::core::option::Option::Some(#event) = #krate::__private::probe_with(#point) {
                #event.write(&[#(::core::option::Option::Some(#values)),*]);
            }
        }
    };
    // The block has the span of the label, so that rustc points there if the macro is used where
    // only items are allowed.
    let span = Span::call_site().located_at(label.span());
    group(Delimiter::Brace, written, span).into_token_stream()
}
