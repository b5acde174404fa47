"""Login, binding, sessions, people, invitations, roles, teams, profile, consent."""

from flask import Response

from rules import states
from service.core.problems import Conflict, Invalid, NotFound, TooMany
from service.core.unit import UnitOfWork
from service.identity import bindings, commands, queries, registration, roles, scans, teams
from web.endpoint import PERSON, PUBLIC, VISITOR, Routes, endpoint, moving
from web.schemas import identity as schemas
from web.schemas.base import Asked, Empty

blp = Routes("identity", "登录、人员、角色与团队")

PNG = "image/png"
NONE = Empty()
GRANT, BINDING, TEAM = schemas.GrantOut(), schemas.BindingOut(), schemas.TeamOut()

endpoint(blp, "POST", "/auth/wechat", who=PUBLIC, does=commands.login, takes=schemas.LoginIn(),
         gives=schemas.LoginOut(), refuses=(Invalid, TooMany))  # fmt: skip
endpoint(blp, "POST", "/auth/bind", who=VISITOR, does=bindings.bind, takes=schemas.BindIn(), gives=schemas.BindOut(),
         refuses=(TooMany,))  # fmt: skip
endpoint(blp, "GET", "/auth/binding", who=VISITOR, does=bindings.mine, gives=schemas.OwnBindingOut(),
         refuses=(NotFound,))  # fmt: skip
endpoint(blp, "POST", "/auth/console/look", who="console.enter", does=scans.look, takes=schemas.SceneIn(),
         gives=schemas.BrowserOut(), refuses=(scans.CodeGone,))  # fmt: skip
endpoint(blp, "POST", "/auth/console/answer", who="console.enter", does=scans.answer, takes=schemas.NumberIn(),
         gives=schemas.ScanOut(), refuses=(scans.CodeGone,))  # fmt: skip
endpoint(blp, "DELETE", "/auth/session", who=VISITOR, does=commands.end_session)
endpoint(blp, "GET", "/auth/sessions", who=VISITOR, does=queries.sessions, gives=schemas.SessionsOut())
endpoint(blp, "DELETE", "/auth/sessions/<uuid:session_id>", who=VISITOR, does=commands.end_session)

endpoint(blp, "POST", "/people", who="person.create", does=commands.register, takes=schemas.PersonIn(),
         gives=schemas.PersonOut(), creates="/people/{id}")  # fmt: skip
endpoint(blp, "GET", "/people", who="person.list", does=queries.people, query=schemas.PeopleAsked(),
         gives=schemas.PersonOut())  # fmt: skip
endpoint(blp, "GET", "/people/<uuid:person_id>", who="person.list", does=queries.person, gives=schemas.PersonOut())
endpoint(blp, "POST", "/invitations", who="invitation.create", does=bindings.invite, takes=schemas.InvitationIn(),
         gives=schemas.InvitationOut(), creates="/people/{person}", refuses=(NotFound,))  # fmt: skip


def _invitation_code(uow: UnitOfWork, invitation: str) -> Response:
    """Give the code to scan of an invitation; the secret comes in the body, as it stands in no address and no table."""
    return Response(bindings.invitation_code(uow, invitation), content_type=PNG, headers={"Cache-Control": "no-store"})


endpoint(blp, "POST", "/invitations/code", who="invitation.create", does=_invitation_code, takes=schemas.ShownIn(),
         produces=PNG, writes=False, refuses=(NotFound,))  # fmt: skip

endpoint(blp, "POST", "/roles", who="role.create", does=roles.grant, takes=schemas.GrantIn(), gives=GRANT,
         creates="/roles/{id}", refuses=(NotFound,))  # fmt: skip
endpoint(blp, "GET", "/roles", who="role.list", does=queries.grants, query=schemas.StateAsked(), gives=GRANT)
endpoint(blp, "GET", "/roles/<uuid:grant_id>", who="role.list", does=queries.grant, gives=GRANT)
moving(blp, "roles", states.GRANT, GRANT, {"approve": roles.approve_grant, "reject": roles.reject_grant,
       "end": roles.end_grant})  # fmt: skip

endpoint(blp, "GET", "/bindings", who="binding.list", does=queries.bindings, query=schemas.StateAsked(), gives=BINDING)
moving(blp, "bindings", states.BINDING, BINDING, {"approve": bindings.approve, "reject": bindings.reject,
       "suspend": bindings.suspend, "resume": bindings.resume, "retire": bindings.retire})  # fmt: skip

endpoint(blp, "POST", "/teams", who="team.create", does=teams.form, takes=schemas.TeamIn(), gives=TEAM,
         creates="/teams/{id}")  # fmt: skip
endpoint(blp, "GET", "/teams", who=PERSON, does=queries.teams, query=Asked(), gives=TEAM)
endpoint(blp, "GET", "/teams/<uuid:team_id>", who=PERSON, does=teams.show, gives=TEAM)
endpoint(blp, "POST", "/teams/<uuid:team_id>/agree", who="team.answer", does=teams.agree, takes=NONE, gives=TEAM,
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "POST", "/teams/<uuid:team_id>/leave", who="team.answer", does=teams.leave, takes=NONE, gives=TEAM)
moving(blp, "teams", states.TEAM, TEAM, {"dissolve": teams.dissolve})

endpoint(blp, "PATCH", "/me/profile", who="profile.edit", does=commands.edit_profile, takes=schemas.ProfileIn(),
         gives=schemas.PersonOut(), edits=True)  # fmt: skip
endpoint(blp, "POST", "/me/consents", who=PERSON, does=commands.consent, takes=schemas.ConsentIn(),
         gives=schemas.ConsentOut())  # fmt: skip
endpoint(blp, "POST", "/people/import", who="person.create", does=registration.import_people, takes=schemas.ImportIn(),
         gives=schemas.ImportOut())  # fmt: skip
