//! The fields of events. Each is declared once: `__fields!` has the names, and the types below have
//! the values in the same order.

use tracing::field::Value;

/// `__fields!(entry)`, `__fields!(exit)` and `__fields!(probe "a", "b")` expand to the names of the
/// fields. The user's own fields follow `label`.
#[doc(hidden)]
#[macro_export]
macro_rules! __fields {
    (entry) => {
        $crate::__fields!(@entry @names)
    };
    (exit) => {
        $crate::__fields!(@exit @names)
    };
    (probe $($user:expr),*) => {
        $crate::__fields!(@probe @names $($user),*)
    };

    (@entry $($then:tt)*) => {
        $crate::__fields! {
            $($then)*;
            [message memprobe function]
            [call_id parent_id uptime_us rss cgroup limit jemalloc_allocated jemalloc_active
             jemalloc_resident jemalloc_metadata skipped]
        }
    };
    (@probe $($then:tt)*) => {
        $crate::__fields! {
            $($then)*;
            [message memprobe function from label]
            [call_id parent_id uptime_us peak net held allocated freed rss cgroup limit
             jemalloc_allocated jemalloc_active jemalloc_resident jemalloc_metadata skipped]
        }
    };
    (@exit $($then:tt)*) => {
        $crate::__fields! {
            $($then)*;
            [message memprobe function from label]
            [call_id parent_id uptime_us peak net held allocated freed rss cgroup limit
             jemalloc_allocated jemalloc_active jemalloc_resident jemalloc_metadata outcome
             duration_us call_peak call_peak_from call_peak_label call_net call_allocated
             call_freed peak_rss cold why skipped]
        }
    };

    (@names $($user:expr),*; [$($before:ident)*] [$($after:ident)*]) => {
        &[
            $(::core::stringify!($before),)*
            $($user,)*
            $(::core::stringify!($after),)*
        ]
    };
    (@values $fields:ident; [$($before:ident)*] [$($after:ident)*]) => {
        /// The values of the fields of one kind of event.
        pub(crate) struct $fields<'a> {
            $(pub $before: &'a dyn Value,)*
            $(pub $after: &'a dyn Value,)*
        }

        impl $fields<'_> {
            /// The number of fields before the user's own.
            pub const BEFORE: usize = [$(::core::stringify!($before)),*].len();
            const COUNT: usize = Self::BEFORE + [$(::core::stringify!($after)),*].len();

            /// Returns the values in the order of the names.
            pub fn values(&self) -> [Option<&dyn Value>; $fields::<'static>::COUNT] {
                [$(Some(self.$before),)* $(Some(self.$after),)*]
            }
        }
    };
}

crate::__fields!(@entry @values EntryFields);
crate::__fields!(@probe @values ProbeFields);
crate::__fields!(@exit @values ExitFields);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_fields_follow_the_label() {
        let names: &[&str] = crate::__fields!(probe "rows", "path");
        assert_eq!(names[ProbeFields::BEFORE - 1..][..3], ["label", "rows", "path"]);
        assert_eq!(names.len(), ProbeFields::COUNT + 2);
    }

    #[test]
    fn the_documentation_names_each_field() {
        let documentation = include_str!("../../lib.rs");
        let (entry, exit): (&[&str], &[&str]) = (crate::__fields!(entry), crate::__fields!(exit));
        let probe: &[&str] = crate::__fields!(probe);
        for name in entry.iter().chain(probe).chain(exit).filter(|name| **name != "message") {
            let short = name.strip_prefix("jemalloc").unwrap_or(name);
            let is_named =
                [*name, short].iter().any(|it| documentation.contains(&format!("`{it}`")));
            assert!(is_named, "{name}");
        }
    }
}
