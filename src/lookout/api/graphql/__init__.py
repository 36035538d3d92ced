"""GraphQL: the conventions of the platform's gateway over Lookout's reads, actions and feed.

Nothing is decided here: queries read, mutations go through `lookout.api.acting`, subscriptions follow the log.
"""

# The first of all: a type with a field of one of the core's enums has to find it published.
from lookout.api.graphql import enums as enums
from lookout.api.graphql.app import graphql_app

__all__ = ["graphql_app"]
