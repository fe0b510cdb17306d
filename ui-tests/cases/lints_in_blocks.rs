//! Lints of the items in annotated blocks, and of the blocks.

#![allow(missing_docs)]

#[memprobe::memprobe]
pub mod lints {
    use std::collections::HashMap;
    use std::fmt::Debug;

    pub struct Unused {
        field: u8,
    }

    struct Never;

    impl Never {
        fn never(&self) {}
    }

    impl Unused {
        pub fn new() -> Self {
            Self { field: 1 }
        }

        pub fn len(&self) -> usize {
            return 1;
        }

        pub fn to_thing(self) -> u8 {
            let unused = 1;
            let mut x = 2;
            x
        }

        fn from_str(s: &str) -> u8 {
            s.to_string().len() as u8
        }

        #[allow(unused_variables)]
        pub fn allowed(&self, x: Vec<u8>) {
            let y = 1;
        }

        #[expect(unused_variables)]
        pub fn expected(&self) {
            let y = 1;
        }

        #[expect(unused_variables)]
        pub fn wrongly_expected(&self) {}
    }

    impl PartialEq for Unused {
        fn eq(&self, other: &Self) -> bool {
            self.field == other.field
        }

        fn ne(&self, other: &Self) -> bool {
            !self.eq(other)
        }
    }

    pub trait Long {
        fn too_many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
            a
        }

        fn BadName(&self) {}
    }

    fn unused() {}

    fn recursive() {
        recursive()
    }

    pub mod lints {
        pub fn unreachable_pub() {
            let x = Box::new(1);
            drop(x.clone());
        }
    }
}
