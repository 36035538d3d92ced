"""GraphQL: the conventions of the platform's gateway over Lookout's reads, actions and feed.

Nothing is decided here: queries read, mutations go through `lookout.api.acting`, subscriptions follow the log.
"""

from lookout.api.graphql.app import graphql_app

__all__ = ["graphql_app"]
