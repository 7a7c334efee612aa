//! The page that says why another one cannot be shown.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::frame::{self, Head, Tab};
use super::parts::prose;
use crate::error::Error;
use crate::ui::app::App;

/// Why a page cannot be shown.
pub(in crate::ui) enum Trouble {
    /// The pool refused or failed.
    Pool(Error),
    /// The address leads nowhere.
    Missing(String),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble::Pool(error.into())
    }
}

impl Trouble {
    pub(in crate::ui) fn missing(text: &str) -> Self {
        Trouble::Missing(text.to_owned())
    }

    pub(in crate::ui) fn status(&self) -> StatusCode {
        match self {
            Trouble::Missing(_)
            | Trouble::Pool(
                Error::NoVolume(_)
                | Error::NoPath { .. }
                | Error::NoContent { .. }
                | Error::UnknownRevision { .. }
                | Error::Forgotten { .. }
                | Error::Dropped { .. }
                | Error::Name(_)
                | Error::Revision(_),
            ) => StatusCode::NOT_FOUND,
            Trouble::Pool(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(in crate::ui) fn page(&self, app: &App) -> Markup {
        let body = html! { (self.notice(app)) };
        frame::page(app, &Head { title: "Not shown", tab: Tab::None, crumbs: &[] }, &body)
    }

    /// Says what is wrong and what to do, within a page.
    pub(in crate::ui) fn notice(&self, app: &App) -> Markup {
        let (text, hints) = match self {
            Trouble::Missing(text) => (text.clone(), Vec::new()),
            Trouble::Pool(error) => (error.to_string(), (app.advise)(error, Some(&app.pool))),
        };
        html! {
            div.notice.bad role="alert" {
                p { (prose(&text)) }
                @for hint in &hints { p.hint { (prose(hint)) } }
            }
        }
    }
}
