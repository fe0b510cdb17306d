//! Names that never repeat are kept up to a bound. It has a process of its own, because names are kept
//! for the life of one.

use memprobe_cli::names::{OTHERS, intern};

#[test]
fn names_that_never_repeat_are_put_together_after_a_bound() {
    let known = intern("app::load");
    for at in 0..60_000 {
        intern(&format!("app::f{at}"));
    }
    assert_eq!(intern("app::one_more"), OTHERS);
    assert!(std::ptr::eq(intern("app::load"), known), "what is known stays known");
    assert_eq!(intern("app::f7"), "app::f7");
}
