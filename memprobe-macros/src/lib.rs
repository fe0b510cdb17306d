//! The attribute and the `probe!` parser of memprobe; use them through that crate, which carries
//! their documentation.

#![forbid(unsafe_code)]

#[cfg(feature = "enabled")]
mod args;
#[cfg(feature = "enabled")]
mod block;
#[cfg(feature = "enabled")]
mod expand;
#[cfg(feature = "enabled")]
mod items;
#[cfg(feature = "enabled")]
mod list;
#[cfg(feature = "enabled")]
mod parse;
#[cfg(feature = "enabled")]
mod probe;
#[cfg(feature = "enabled")]
mod size;

use proc_macro::TokenStream;

/// Reads what an annotated function allocates; see `memprobe::memprobe`.
#[cfg(feature = "enabled")]
#[proc_macro_attribute]
pub fn memprobe(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), &item.into()).into()
}

/// Returns the item untouched, for builds in which memprobe is compiled out.
///
/// This is a macro of its own and not a feature, because cargo builds this crate once for all of
/// a build, even if memprobe is enabled in the program and not in its proc-macros and build
/// scripts.
#[proc_macro_attribute]
pub fn untouched(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Expands `memprobe::probe!`, which passes `crate path; "label", field = value, …`.
#[cfg(feature = "enabled")]
#[doc(hidden)]
#[proc_macro]
pub fn __probe(input: TokenStream) -> TokenStream {
    probe::expand(input.into()).into()
}
