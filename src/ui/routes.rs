//! Which address leads to which page.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, middleware};
use futures_util::{Stream, stream};
use maud::Markup;
use tokio::sync::broadcast::error::RecvError;

use super::access::{self, Verdict};
use super::app::App;
use super::fields::Fields;
use super::live::Event;
use super::pages::{self, Trouble};
use super::verbs;

/// The longest form, in bytes.
const MAX_FORM_BYTES: usize = 1 << 20;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

type Shared = State<Arc<App>>;

/// Makes the routes. Each request passes [`guard`] first.
pub(super) fn router(app: Arc<App>) -> Router {
    use pages::{changes, commit, files, operations, pool, volume, volumes};
    Router::new()
        .route("/", page(|app, _, fields| volumes::page(app, fields)))
        .route("/v/{volume}", page(volume::page))
        .route("/v/{volume}/status", page(volume::status))
        .route("/v/{volume}/changes", page(changes::of_working_tree))
        .route("/v/{volume}/c/{commit}", page(commit::page))
        .route("/v/{volume}/c/{commit}/changes", page(changes::of_commit))
        .route("/v/{volume}/c/{commit}/files", page(files::page))
        .route("/v/{volume}/c/{commit}/download", get(download))
        .route("/operations", page(|app, _, fields| operations::page(app, fields)))
        .route("/pool", page(|app, _, _| pool::page(app)))
        .route("/pool/doctor", page(|app, _, _| pool::doctor(app)))
        .route("/measure", post(measure))
        .route("/jobs", page(|app, _, _| pages::jobs::list(app)))
        .route("/jobs/{number}", page(pages::jobs::page))
        .route("/jobs/{number}/answer", post(answer))
        .route("/jobs/{number}/interrupt", post(interrupt))
        .route("/do/{verb}", page(pages::action::page).post(act))
        .route("/line/{verb}", get(line))
        .route("/events", get(events))
        .route("/style.css", file("text/css; charset=utf-8", STYLE))
        .route("/script.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/icon.svg", file("image/svg+xml", ICON))
        .fallback(async |State(app): Shared| respond(&app, Err(Trouble::missing("there is no such page"))))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .layer(middleware::map_response(async |mut response: Response| {
            access::protect(response.headers_mut());
            response
        }))
        .with_state(app)
}

/// Refuses what does not come from these pages, and reads the fields of what does: those of the
/// query, and of a write those of its form.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    match app.access.judge(request.method(), request.uri(), request.headers()) {
        Verdict::Pass => {}
        Verdict::Enter { cookie, address } => {
            return (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, address)])
                .into_response();
        }
        Verdict::Refuse(status, reason) => return refused(status, reason),
    }
    let (mut parts, body) = request.into_parts();
    let mut fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
    if parts.method == axum::http::Method::POST {
        let Ok(bytes) = to_bytes(body, MAX_FORM_BYTES).await else {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long");
        };
        fields = Fields::parse(&bytes);
        if !app.access.is_own_form(&fields) {
            return refused(StatusCode::FORBIDDEN, "the form is of another run: load the page again");
        }
    }
    parts.extensions.insert(fields);
    next.run(Request::from_parts(parts, Body::empty())).await
}

/// Answers without a page, since the request may come from anywhere.
fn refused(status: StatusCode, reason: &'static str) -> Response {
    (status, format!("dvol: {reason}\n")).into_response()
}

/// What a page is made of: the application, the parts of its address and its fields.
type Make = fn(&App, &[String], &Fields) -> Result<Markup, Trouble>;

/// Serves a page, which is made on a thread that may block.
fn page(make: Make) -> MethodRouter<Arc<App>> {
    get(
        async move |State(app): Shared,
                    Path(parts): Path<Vec<(String, String)>>,
                    Extension(fields): Extension<Fields>| {
            made(app, parts.into_iter().map(|(_, value)| value).collect(), fields, make).await
        },
    )
}

async fn made(app: Arc<App>, parts: Vec<String>, fields: Fields, make: Make) -> Response {
    let own = Arc::clone(&app);
    match tokio::task::spawn_blocking(move || make(&own, &parts, &fields)).await {
        Ok(made) => respond(&app, made),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made"),
    }
}

fn respond(app: &App, made: Result<Markup, Trouble>) -> Response {
    let (status, markup) = match made {
        Ok(markup) => (StatusCode::OK, markup),
        Err(trouble) => (trouble.status(), trouble.page(app)),
    };
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string()).into_response()
}

fn file(kind: &'static str, text: &'static str) -> MethodRouter<Arc<App>> {
    get(async move || ([(header::CONTENT_TYPE, kind)], text))
}

fn see(address: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

/// Runs a command, and leads to the page that shows it.
async fn act(State(app): Shared, Path(verb): Path<String>, Extension(fields): Extension<Fields>) -> Response {
    let Some(found) = verbs::find(&verb) else {
        return respond(&app, Err(Trouble::missing("there is no such verb")));
    };
    match verbs::words(found, &fields) {
        Ok(words) => see(format!("/jobs/{}", app.jobs.start(&words, pages::action::back(found, &fields)))),
        Err(_) => {
            let mut response = made(app, vec![verb], fields, pages::action::again).await;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
    }
}

/// Shows the command that a form would run.
async fn line(
    State(app): Shared,
    Path(verb): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Response {
    let words = verbs::find(&verb).ok_or_else(String::new).and_then(|verb| verbs::words(verb, &fields));
    match words {
        Ok(words) => app.jobs.command(&words).into_response(),
        Err(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
    }
}

async fn answer(
    State(app): Shared,
    Path(number): Path<u64>,
    Extension(fields): Extension<Fields>,
) -> Response {
    app.jobs.answer(number, fields.text("answer") == "yes");
    see(format!("/jobs/{number}"))
}

async fn interrupt(State(app): Shared, Path(number): Path<u64>) -> Response {
    app.jobs.interrupt(number);
    see(format!("/jobs/{number}"))
}

async fn measure(State(app): Shared, headers: HeaderMap) -> Response {
    let own = Arc::clone(&app);
    // It may take minutes: a thread of its own, which no page waits for.
    std::thread::spawn(move || own.measure());
    let from_pool = headers
        .get(header::REFERER)
        .and_then(|from| from.to_str().ok())
        .is_some_and(|from| from.ends_with("/pool"));
    see(if from_pool { "/pool" } else { "/" }.to_owned())
}

async fn download(
    State(app): Shared,
    Path((volume, commit)): Path<(String, String)>,
    Extension(fields): Extension<Fields>,
) -> Response {
    let own = Arc::clone(&app);
    let opened =
        tokio::task::spawn_blocking(move || pages::files::download(&own, &volume, &commit, &fields)).await;
    match opened {
        Ok(Ok(download)) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            let disposition = HeaderValue::from_str(&download.disposition);
            headers.insert(
                header::CONTENT_DISPOSITION,
                disposition.unwrap_or(HeaderValue::from_static("attachment")),
            );
            (headers, Body::from_stream(download.content)).into_response()
        }
        Ok(Err(trouble)) => respond(&app, Err(trouble)),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the file could not be read"),
    }
}

/// Tells an open page what changes, until the server stops.
async fn events(State(app): Shared) -> Sse<impl Stream<Item = Result<Message, Infallible>>> {
    let told = stream::unfold(Some(app.live.listen()), async |listener| {
        let mut listener = listener?;
        let (name, data) = match listener.recv().await {
            Ok(Event::Job(number)) => ("job", number.to_string()),
            // The page missed some events: it reads everything again.
            Ok(Event::Changed) | Err(RecvError::Lagged(_)) => ("changed", String::from("1")),
            Ok(Event::Stopping) | Err(RecvError::Closed) => {
                return Some((Ok(Message::default().event("stopping").data("1")), None));
            }
        };
        Some((Ok(Message::default().event(name).data(data)), Some(listener)))
    });
    Sse::new(told).keep_alive(KeepAlive::default())
}
