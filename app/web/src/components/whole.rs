//! Views that are hydrated at once and replaced as a whole.
//!
//! Every type that Leptos erases brings code for hydrating it piecewise (for lazily loaded routes, which we have none
//! of) and for patching it in place. For a component whose body is made once, neither is ever of use, and together
//! they are a third of the program that the browser loads. [`Whole::whole`] erases without them.

use leptos::prelude::AnyView;

/// Erases a component's body; to be called where a component would call `into_any`.
pub(crate) trait Whole {
    fn whole(self) -> AnyView;
}

#[cfg(feature = "ssr")]
impl<V: leptos::prelude::IntoAny> Whole for V {
    fn whole(self) -> AnyView {
        self.into_any()
    }
}

#[cfg(not(feature = "ssr"))]
mod browser {
    use leptos::{
        attr::{Attribute, any_attribute::AnyAttribute},
        prelude::{AddAnyAttr, AnyView, IntoAny, Mountable, Render, RenderHtml},
        tachys::{
            hydration::Cursor,
            view::{Position, PositionState},
        },
    };

    impl<V: RenderHtml + 'static> super::Whole for V {
        fn whole(self) -> AnyView {
            Body(self).into_any()
        }
    }

    struct Body<V>(V);

    impl<V: RenderHtml + 'static> Render for Body<V> {
        type State = V::State;

        fn build(self) -> Self::State {
            self.0.build()
        }

        fn rebuild(self, state: &mut Self::State) {
            let mut new = self.0.build();
            state.insert_before_this(&mut new);
            state.unmount();
            *state = new;
        }
    }

    impl<V: RenderHtml + 'static> AddAnyAttr for Body<V> {
        type Output<A: Attribute> = Self;

        /// Attributes are given to elements, never to components.
        fn add_any_attr<A: Attribute>(self, _attr: A) -> Self::Output<A> {
            self
        }
    }

    impl<V: RenderHtml + 'static> RenderHtml for Body<V> {
        type AsyncOutput = Self;
        type Owned = Self;

        const MIN_LENGTH: usize = V::MIN_LENGTH;
        const EXISTS: bool = V::EXISTS;

        fn dry_resolve(&mut self) {
            self.0.dry_resolve();
        }

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

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
            self.0.hydrate::<FROM_SERVER>(cursor, position)
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}
