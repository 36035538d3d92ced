"""`python -m lookout.api.graphql > schema.graphql` writes the schema down anew."""

import sys

from lookout.api.graphql.schema import printed

sys.stdout.write(printed())
