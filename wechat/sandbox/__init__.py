"""A stand-in for WeChat's platform and its users' phones, as strict as they are. For development and tests alone."""

from wechat.sandbox.app import create_sandbox
from wechat.sandbox.pushes import post_push
from wechat.sandbox.settings import Phone, SandboxSettings

__all__ = ["Phone", "SandboxSettings", "create_sandbox", "post_push"]
