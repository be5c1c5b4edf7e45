"""The page of Open WebUI in a browser, for one person."""

import re
from dataclasses import dataclass

from playwright.sync_api import Browser, Locator, Page, StorageState

from tests.support.deployment import REPOSITORY
from tests.support.openwebui.user import OpenWebUIUser

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
PATIENCE_MILLISECONDS = 240_000


@dataclass
class OpenWebUIPage:
    """What a person sees and clicks."""

    page: Page
    url: str

    @classmethod
    def of(cls, browser: Browser, user: OpenWebUIUser) -> "OpenWebUIPage":
        """Open a browser window in which the person is signed in."""
        signed_in: StorageState = {
            "cookies": [],
            "origins": [{"origin": user.server.url, "localStorage": [{"name": "token", "value": user.token}]}],
        }
        context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800}, storage_state=signed_in)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        return cls(context.new_page(), user.server.url)

    def another_browser(self) -> "OpenWebUIPage":
        """A window of a browser that knows nothing of this one, on no page yet."""
        browser = self.page.context.browser
        assert browser
        return OpenWebUIPage(browser.new_context(locale="en-US").new_page(), self.url)

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def open(self, *models: str) -> "OpenWebUIPage":
        """Begin a chat with one model or several."""
        self.page.goto(f"{self.url}/?models={','.join(models)}")
        self.page.wait_for_selector("#chat-input")
        return self

    def write(self, text: str) -> None:
        """Write a message and send it."""
        self.page.click("#chat-input")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.page.locator("[id^=message-]:has(.chat-assistant)").last

    def sees(self, text: str) -> Locator:
        """Wait for a text anywhere, and return where it is."""
        found = self.page.get_by_text(text).last
        found.wait_for()
        return found

    def sees_match(self, pattern: str) -> Locator:
        """Wait for a text that fits a pattern in the last answer, and return where it is."""
        found = self.answer.get_by_text(re.compile(pattern)).last
        found.wait_for()
        return found

    def tool_card(self, tool: str) -> Locator:
        """The closed card of a tool in the last answer."""
        return self.answer.get_by_text(re.compile(f"View Result from.*{tool}")).last

    def warned(self, text: str) -> None:
        """Wait for a red message in the corner."""
        self.page.locator("[data-sonner-toast][data-type=error]").get_by_text(text).wait_for()

    def finished(self) -> None:
        """Wait until the answer is complete: then it can be asked for again."""
        self.answer.get_by_label("Regenerate").wait_for()

    def photograph(self, name: str) -> None:
        """Keep what is seen, for the documentation."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
