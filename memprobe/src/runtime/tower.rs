//! The requests of `tower` services as calls.
//!
//! - [`layer`]: the layers, and the services that they make.
//! - [`names`]: the function of each route.
//! - [`request`]: the call of a request.
//! - [`future`]: the futures that run its handler.
//! - [`body`]: the body of a response, which the call follows until it is sent.

mod body;
mod future;
mod layer;
mod names;
mod request;

pub use body::MeasuredBody;
pub use future::{CallFuture, ResponseFuture};
pub use layer::{
    HttpLayer, HttpService, ServiceLayer, ServiceWithoutBody, layer, layer_named,
    layer_without_body,
};
pub use names::{ByRoute, Named};
