//! The size of futures: linear in the nesting, and never larger than with
//! `#[tracing::instrument]`.

use std::future::{Future, ready};

/// Three nested functions under an attribute, or none.
macro_rules! nested {
    ($module:ident, $(#[$attribute:meta])?) => {
        mod $module {
            use super::ready;

            $(#[$attribute])?
            pub async fn one<const N: usize>(x: [u8; N]) -> u8 {
                ready(()).await;
                x[0]
            }

            $(#[$attribute])?
            pub async fn two<const N: usize>(x: [u8; N]) -> u8 {
                one(x).await
            }

            $(#[$attribute])?
            pub async fn three<const N: usize>(x: [u8; N]) -> u8 {
                two(x).await
            }
        }
    };
}

nested!(plain,);
nested!(measured, #[memprobe::memprobe]);
nested!(instrumented, #[tracing::instrument(skip_all)]);

fn size(future: &impl Future) -> usize {
    size_of_val(future)
}

fn sizes<const N: usize>() -> [[usize; 3]; 3] {
    let x = [0; N];
    let sizes = [
        [size(&plain::one(x)), size(&plain::two(x)), size(&plain::three(x))],
        [size(&measured::one(x)), size(&measured::two(x)), size(&measured::three(x))],
        [size(&instrumented::one(x)), size(&instrumented::two(x)), size(&instrumented::three(x))],
    ];
    println!("{N:5} bytes: plain {:?}, memprobe {:?}, tracing {:?}", sizes[0], sizes[1], sizes[2]);
    sizes
}

#[test]
fn futures_are_no_larger_than_under_instrument() {
    for [plain, measured, instrumented] in
        [sizes::<1>(), sizes::<64>(), sizes::<1024>(), sizes::<16384>()]
    {
        for level in 0..3 {
            assert!(measured[level] <= instrumented[level], "level {level}");
        }
        // Each level adds the same.
        assert_eq!(measured[2] - measured[1], measured[1] - measured[0]);
        assert!(plain[0] < measured[0]);
    }
}
