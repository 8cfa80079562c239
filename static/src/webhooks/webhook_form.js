import {registry} from "@web/core/registry";
import {formView} from "@web/views/form/form_view";

/** The form of a webhook; it shows the secret of a new one as soon as it is saved. */
class WebhookFormController extends formView.Controller {
    async saveButtonClicked(params = {}) {
        const {isNew} = this.model.root;
        const isSaved = await super.saveButtonClicked(params);
        if (isSaved && isNew) {
            await this.showSecret();
        }
        return isSaved;
    }

    async showSecret() {
        const {resId} = this.model.root;
        const action = await this.orm.call("cqrs.webhook", "action_show_secret", [
            [resId],
        ]);
        await this.actionService.doAction(action, {
            onClose: () => this.model.load(),
        });
    }
}

registry.category("views").add("cqrs_webhook_form", {
    ...formView,
    Controller: WebhookFormController,
});
