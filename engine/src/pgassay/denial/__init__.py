"""Why access is refused, what for, and what holds without it."""

from __future__ import annotations

from pgassay.denial.assertions import By as By
from pgassay.denial.assertions import assert_denied as assert_denied
from pgassay.denial.assertions import assert_hidden as assert_hidden
from pgassay.denial.assertions import assert_rejected as assert_rejected
from pgassay.denial.defence import CannotRemoveError as CannotRemoveError
from pgassay.denial.defence import Worth as Worth
from pgassay.denial.defence import needed as needed
from pgassay.denial.defence import removed as removed
from pgassay.denial.explain import Denial as Denial
from pgassay.denial.explain import NotDeniedError as NotDeniedError
from pgassay.denial.explain import describe as describe
from pgassay.denial.explain import explain_denial as explain_denial
from pgassay.denial.guard import Constraint as Constraint
from pgassay.denial.guard import DomainConstraint as DomainConstraint
from pgassay.denial.guard import FunctionProperty as FunctionProperty
from pgassay.denial.guard import Grant as Grant
from pgassay.denial.guard import Guard as Guard
from pgassay.denial.guard import NoPolicy as NoPolicy
from pgassay.denial.guard import NotNull as NotNull
from pgassay.denial.guard import Ownership as Ownership
from pgassay.denial.guard import Policy as Policy
from pgassay.denial.guard import RoleMembership as RoleMembership
from pgassay.denial.guard import RowSecurity as RowSecurity
from pgassay.denial.guard import Trigger as Trigger
from pgassay.denial.guard import UniqueIndex as UniqueIndex
from pgassay.denial.guard import ViewOption as ViewOption
