//! Text in colour for a terminal, with the feature `color`; without it the text is plain.

use std::fmt::{self, Display};

/// The role of a text, which decides its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Head,
    Culprit,
    Aside,
}

/// Prints a text in the style of its role, or plain without one.
pub(crate) struct Styled<'t, T> {
    pub role: Option<Role>,
    pub text: &'t T,
}

impl<T: Display> Display for Styled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(role) = self.role else { return self.text.fmt(f) };
        let style = style(role);
        write!(f, "{style}{}{style:#}", self.text)
    }
}

#[cfg(feature = "color")]
fn style(role: Role) -> anstyle::Style {
    use anstyle::{AnsiColor, Style};

    match role {
        Role::Head => Style::new().bold(),
        Role::Culprit => AnsiColor::Red.on_default().bold(),
        Role::Aside => Style::new().dimmed(),
    }
}

#[cfg(not(feature = "color"))]
fn style(_: Role) -> &'static str {
    ""
}
