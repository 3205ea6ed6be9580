from tests.portal.test_admin import *
def test_dbg(tenant):
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    c, a = sign_in(email, secret)
    import re
    print(re.findall(r'errornote">\s*(.*?)\s*</p', a.content.decode(), re.S), a.status_code)
    print(a.content.decode()[-2500:])
    assert 0
