//! Views that are hydrated at once and replaced as a whole.
//!
//! Leptos can erase a view's type ([`AnyView`]), but every type that it erases brings code for hydrating it piecewise
//! (for lazily loaded routes, which we have none of) and for patching it in place. For a component whose body is made
//! once, neither is ever of use, and together they are a third of the program that the browser loads. In the browser
//! [`Whole::whole`] therefore erases into a type of our own that can be built and hydrated, and nothing else.
//!
//! [`AnyView`]: leptos::prelude::AnyView

use leptos::{children::ToChildren, prelude::RenderHtml};

/// Erases a component's body; to be called where a component would call `into_any`.
pub(crate) trait Whole {
    fn whole(self) -> Piece;
}

/// What stands inside a component.
pub(crate) struct Children(Box<dyn FnOnce() -> Piece + Send>);

impl Children {
    /// Makes it; to be called once, where it belongs.
    pub(crate) fn show(self) -> Piece {
        (self.0)()
    }
}

impl<F, V> ToChildren<F> for Children
where
    F: FnOnce() -> V + Send + 'static,
    V: RenderHtml + 'static,
{
    fn to_children(children: F) -> Self {
        Self(Box::new(move || children().whole()))
    }
}

#[cfg(feature = "ssr")]
pub(crate) use server::Piece;

#[cfg(not(feature = "ssr"))]
pub(crate) use browser::Piece;

#[cfg(feature = "ssr")]
mod server {
    /// A view without its type.
    pub(crate) type Piece = leptos::prelude::AnyView;

    impl<V: leptos::prelude::IntoAny> super::Whole for V {
        fn whole(self) -> Piece {
            self.into_any()
        }
    }
}

#[cfg(not(feature = "ssr"))]
mod browser {
    use leptos::{
        attr::{Attribute, any_attribute::AnyAttribute},
        prelude::{AddAnyAttr, Mountable, Render, RenderHtml},
        tachys::{
            hydration::Cursor,
            renderer::{
                Rndr,
                types::{Element, Node, Placeholder},
            },
            view::{Position, PositionState},
        },
    };

    /// A view without its type.
    pub(crate) struct Piece {
        view: Box<dyn Erased>,
        /// Whether the view puts anything into the page by itself; where it does not, a comment holds its place, which
        /// the server has written too.
        exists: bool,
    }

    /// What can be done with a view whose type is forgotten.
    trait Erased: Send {
        fn build(self: Box<Self>) -> Box<dyn Mountable>;
        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Mountable>;
    }

    impl<V: RenderHtml + 'static> Erased for V {
        fn build(self: Box<Self>) -> Box<dyn Mountable> {
            Box::new(Render::build(*self))
        }

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Mountable> {
            Box::new(RenderHtml::hydrate::<true>(*self, cursor, position))
        }
    }

    impl<V: RenderHtml + 'static> super::Whole for V {
        fn whole(self) -> Piece {
            Piece { view: Box::new(self), exists: V::EXISTS }
        }
    }

    /// A piece that stands in the page.
    pub(crate) struct Standing {
        view: Box<dyn Mountable>,
        place: Option<Placeholder>,
    }

    impl Render for Piece {
        type State = Standing;

        fn build(self) -> Standing {
            Standing { view: self.view.build(), place: (!self.exists).then(Rndr::create_placeholder) }
        }

        fn rebuild(self, state: &mut Standing) {
            let mut new = self.build();
            state.insert_before_this(&mut new);
            state.unmount();
            *state = new;
        }
    }

    impl Mountable for Standing {
        fn unmount(&mut self) {
            self.view.unmount();
            self.place.unmount();
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.view.mount(parent, marker);
            self.place.mount(parent, marker);
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.view.insert_before_this(child) || self.place.insert_before_this(child)
        }

        fn elements(&self) -> Vec<Element> {
            self.view.elements()
        }
    }

    impl AddAnyAttr for Piece {
        type Output<A: Attribute> = Self;

        /// Attributes are given to elements, never to components.
        fn add_any_attr<A: Attribute>(self, _attr: A) -> Self::Output<A> {
            self
        }
    }

    impl RenderHtml for Piece {
        type AsyncOutput = Self;
        type Owned = Self;

        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        async fn resolve(self) -> Self {
            self
        }

        fn to_html_with_buf(
            self,
            _buf: &mut String,
            _position: &mut Position,
            _escape: bool,
            _mark_branches: bool,
            _extra_attrs: Vec<AnyAttribute>,
        ) {
            // The server writes HTML, and it does not use this type.
        }

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Standing {
            let view = self.view.hydrate(cursor, position);
            Standing { view, place: (!self.exists).then(|| cursor.next_placeholder(position)) }
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}
